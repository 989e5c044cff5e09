"""Pages of the built book, as a reader sees them; and what a reader must not see is caught where it is planted."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from lvmass.report.book import _pages, page_problems
from lvmass.report.page import table
from tests.browser import reader
from tests.conftest import ROOT

if "LVMASS_PAGES" not in os.environ or not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip(
        "pages in a browser: 'make browser' tests the book that 'make book' built; "
        "it needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
        allow_module_level=True,
    )

PAGES = _pages(ROOT)
CHAPTERS = [page for page in PAGES if (ROOT / page).with_suffix(".py").is_file()]


@pytest.fixture(scope="session")
def book() -> Path:
    return Path(os.environ["LVMASS_PAGES"]).absolute()


@pytest.fixture(scope="session")
def browser(book: Path) -> Iterator[webdriver.Chrome]:
    driver = reader.open_browser()
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def address(book: Path) -> Iterator[str]:
    with reader.served(book) as address:
        yield address


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", PAGES)
def test_page(browser: webdriver.Chrome, address: str, page: str, width: int) -> None:
    assert reader.flaws(browser, f"{address}{page}.html", width) == []


def test_links_lead_somewhere_and_pages_are_whole(book: Path) -> None:
    assert reader.dead_links(book) == []
    assert reader.broken_tables(book) == []
    assert [problem for page in PAGES for problem in page_problems(book / f"{page}.html")] == []


@pytest.mark.parametrize("page", [page for page in CHAPTERS if "/0" in page])
def test_the_first_screen_answers(browser: webdriver.Chrome, address: str, page: str) -> None:
    reader.show(browser, f"{address}{page}.html", 1280)
    said = (By.XPATH, "//article//p[strong[text()='Answer.']]")
    answer = WebDriverWait(browser, 10).until(lambda _: browser.find_elements(*said))[0]
    assert any(letter.isdigit() for letter in answer.text)
    assert answer.rect["y"] + answer.rect["height"] < 900


def test_search_finds_a_word(browser: webdriver.Chrome, address: str) -> None:
    reader.show(browser, f"{address}search.html?q=DeLong", 1280)
    found = WebDriverWait(browser, 10).until(lambda _: browser.find_elements(By.CSS_SELECTOR, "#search-results li a"))
    assert any("05_delong" in str(link.get_attribute("href")) for link in found)


def test_a_reader_switches_to_dark_and_back(browser: webdriver.Chrome, address: str) -> None:
    reader.show(browser, f"{address}{PAGES[0]}.html", 1280)
    seen = set()
    for _ in range(3):
        browser.find_element(By.CSS_SELECTOR, ".article-header-buttons .theme-switch-button").click()
        seen.add(browser.execute_script("return document.documentElement.dataset.theme"))
    assert seen == {"light", "dark"}


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_is_there_to_copy_and_to_download(
    browser: webdriver.Chrome, address: str, book: Path, page: str
) -> None:
    reader.show(browser, f"{address}{page}.html", 1280)
    WebDriverWait(browser, 10).until(lambda _: browser.find_elements(By.CSS_SELECTOR, "article button.copybtn"))
    links = browser.find_elements(By.CSS_SELECTOR, ".article-header-buttons a[href*='_sources']")
    files = {Path(str(link.get_attribute("href"))).name for link in links}
    assert files == {f"{Path(page).name}{ending}" for ending in (".py", ".ipynb")}
    sources = book / "_sources" / page
    nbformat.validate(nbformat.read(sources.with_suffix(".ipynb"), as_version=4))
    compile(sources.with_suffix(".py").read_text(), page, "exec")


HEAD, END, IMAGE = "<head>", "</article>", '<img src="../_static/favicon.svg"'
CELL = '<details class="hide above-input"><summary>Show</summary><pre>1</pre></details>'
PLANTED = {
    "a broken figure": (END, '<img alt="Errors" src="none.svg"></article>', "a broken figure: Errors"),
    "no alternative text": (END, f"{IMAGE}></article>", "without alternative text"),
    "a figure too small": (
        END,
        f'{IMAGE} class="lvmass-figure" alt="Heart" data-letters-pt="9" width="5"></article>',
        "too small to read",
    ),
    "letters of no size": (END, f'{IMAGE} class="lvmass-figure" alt="Heart"></article>', "too small to read"),
    "a fourth table": (END, f"{4 * '<table><tr><td>1</td></tr></table>'}</article>", "more than 3 tables"),
    "a fifth folded cell": (END, f"{5 * CELL}</article>", "more than 4 folded cells"),
    "a folded thing too wide": (END, '<details><p style="width:2000px">x</p></details></article>', "wider than"),
    "a folded line of code": (END, f"<details><pre>{'x' * 300}</pre></details></article>", "a line of code"),
    "a traceback": (END, "<p>Traceback (most recent call last):</p></article>", "a traceback"),
    "a request to elsewhere": (HEAD, '<head><script src="https://example.org/a.js"></script>', "to elsewhere"),
    "a wide page": (END, '<div style="width:2000px">x</div></article>', "wider than the screen"),
    "a wide thing cut off": (END, '<p style="overflow:hidden"><b style="padding:1000px">x</b></p></article>', "beyond"),
    "a wide line of code": (END, f"<pre>{'x' * 300}</pre></article>", "a line of code"),
    "a key of a table": (END, "<table><tr><td>sokolow_lyon_voltage_mv</td></tr></table></article>", "a key of a table"),
    "a name of the registry": (END, "<p>elvmass-net is better</p></article>", "a key of a table"),
    "a missing number": (END, "<table><tr><td>None</td></tr></table></article>", "a missing number"),
    "an unrendered expression": (END, "<p>In {study.name} women</p></article>", "an unrendered expression"),
    "an error in a script": ("</body>", "<script>null.length</script></body>", "the console says"),
    "a skipped heading": (END, "<h4>Deep</h4></article>", "a heading skips a level"),
    "pale letters": (END, '<p style="color:#ccc;background:#fff">pale</p></article>', "color-contrast"),
    "a nameless button": (END, "<button></button></article>", "button-name"),
}


@pytest.mark.parametrize("flaw", PLANTED)
def test_a_planted_flaw_is_caught(browser: webdriver.Chrome, book: Path, tmp_path: Path, flaw: str) -> None:
    old, new, sentence = PLANTED[flaw]
    assert any(sentence in found for found in _found_in_copy(browser, book, tmp_path, old, new))


def _found_in_copy(browser: webdriver.Chrome, book: Path, tmp_path: Path, old: str, new: str) -> list[str]:
    """What is found wrong with a copy of the glossary in which a text was replaced."""
    (tmp_path / "_static").symlink_to(book / "_static")
    (tmp_path / "searchindex.js").symlink_to(book / "searchindex.js")
    (tmp_path / "book").mkdir()
    text = (book / "book" / "glossary.html").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "book" / "copy.html").write_text(text.replace(old, new, 1), encoding="utf-8")
    with reader.served(tmp_path) as address:
        return reader.flaws(browser, f"{address}book/copy.html")


@pytest.mark.parametrize("link", ["none.html", "facts.html#facts-99", "../none/"])
def test_a_dead_link_is_caught(book: Path, tmp_path: Path, link: str) -> None:
    shutil.copy(book / "book" / "facts.html", tmp_path)
    alive = reader.dead_links(tmp_path)
    (tmp_path / "copy.html").write_text(f'<a href="{link}">there</a> <a href="facts.html#facts-1">here</a>')
    assert set(reader.dead_links(tmp_path)) - set(alive) == {f"copy.html: {link}"}


@pytest.mark.parametrize("broken", ["", 'href="data:text/csv,a,c%0A1,2"', 'href="data:text/csv,a,b%0A"'])
def test_a_table_without_its_numbers_is_caught(tmp_path: Path, broken: str) -> None:
    whole = str(table(pd.DataFrame({"a": ["x, y"], "b": [2.5]}), "Two").data)
    (tmp_path / "page.html").write_text(whole)
    assert reader.broken_tables(tmp_path) == []
    (tmp_path / "page.html").write_text(re.sub(r'href="[^"]*"', broken, whole))
    assert len(reader.broken_tables(tmp_path)) == 1
