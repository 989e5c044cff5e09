"""Buttons at the head of the book's pages: a Sphinx extension, named in ``_config.yml``."""

import shutil
from pathlib import Path
from typing import Any


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what to call, and when."""
    app.connect("config-inited", _link_repository)
    app.connect("html-page-context", _offer_script, priority=502)  # the theme makes its own buttons at 501
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _link_repository(_: Any, config: Any) -> None:
    """Link to the repository, its issues and a machine that runs the page, if ``_config.yml`` names one."""
    options = config.html_theme_options
    if options.get("repository_url"):
        binder = {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"}
        options |= {"use_repository_button": True, "use_issues_button": True, "launch_buttons": binder}


def _offer_script(app: Any, pagename: str, _: str, context: dict[str, Any], __: Any) -> None:
    """Offer the percent script of a chapter for download, beside its notebook."""
    script = Path(app.srcdir, pagename).with_suffix(".py")
    for button in context["header_buttons"]:
        if button.get("label") == "download-buttons" and script.is_file():
            copy = Path(app.outdir, "_sources", pagename).with_suffix(".py")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(script, copy)
            url = f"{context['pathto']('_sources', 1)}/{pagename}.py"
            script_button = {"type": "link", "url": url, "text": ".py", "tooltip": "Download script"}
            button["buttons"].insert(1, script_button | {"icon": "fas fa-code", "label": "download-script-button"})
