"""Pages offer their script and, where a repository is named, its address: the real configuration, on a small book."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests.conftest import ROOT

HOST = "https://github.com/someone/lvmass"


@pytest.mark.parametrize("repository", ["", HOST])
def test_buttons_of_a_chapter(tmp_path: Path, repository: str) -> None:
    config = (ROOT / "_config.yml").read_text()
    assert config.count('url: ""') == config.count("execute_notebooks: cache") == 1
    config = config.replace('url: ""', f'url: "{repository}"').replace("notebooks: cache", 'notebooks: "off"')
    (tmp_path / "_config.yml").write_text(config)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/intro\nchapters: [{file: book/one}]\n")
    book = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "_static", book / "_static")
    shutil.copy(ROOT / "book" / "references.bib", book)
    (book / "intro.md").write_text("# Title\n")
    (book / "one.py").write_text("1 + 1\n")
    cells = [nbformat.v4.new_markdown_cell("# One"), nbformat.v4.new_code_cell("1 + 1")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), book / "one.ipynb")

    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)

    html = (tmp_path / "_build/html/book/one.html").read_text()
    soup = BeautifulSoup(html, "html.parser")
    links = [str(link["href"]).partition("?")[0] for link in soup.select(".article-header-buttons a[href]")]
    downloads = ["../_sources/book/one.ipynb", "../_sources/book/one.py"]
    elsewhere = ["https://mybinder.org/v2/gh/someone/lvmass/main", HOST, f"{HOST}/issues/new"]
    assert sorted(links) == sorted(downloads + (elsewhere if repository else []))
    assert (tmp_path / "_build/html/_sources/book/one.py").read_text() == "1 + 1\n"
    assert "CC BY 4.0" in soup.get_text()
    assert "unpkg" not in html
