"""A reader of the built book: a real browser, a web server on this machine, and what they find wrong with a page."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urljoin, urlparse

from bs4 import BeautifulSoup
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

from lvmass.networks import NETWORKS
from lvmass.report.words import NAMES

LOOK = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
ACCESSIBLE = """
const [options, done] = arguments;
// the list of references is Sphinx's, which gives its entries a role that no list may hold
axe.run({exclude: [".citation-list"]}, {resultTypes: ["violations"], preload: false, ...options}).then(result => done(
  result.violations.filter(each => ["serious", "critical"].includes(each.impact)).map(
    each => `${each.help} (axe: ${each.id}, ${each.nodes.length} times): ${each.nodes[0].html.slice(0, 150)}`)));
"""
AT_ONCE = "<style>* { transition: none !important }</style>"
CONTRAST = "color-contrast"
KEYS = "|".join(re.escape(key) for key in sorted({*NAMES, *NETWORKS}) if re.search("[_-]", key))
NOT_FOR_READERS = {
    "a traceback": r"Traceback \(most recent call last\)",
    "a missing number": r"(?<![\w-])(nan|NaN|<NA>|NaT|None(?! (is|was|are|were|of)\b))(?![\w-])",
    "a key of a table": rf"(?<![\w.-])({KEYS}|\w+_(mv|ms|g|years|cm|kg|m2))(?![\w.-])",
    "an unrendered expression": r"\{[a-z_]+[.(\[}:][^{}]*\}?`?|<lvmass\.|object at 0x",
}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


def open_browser() -> webdriver.Chrome:
    """Start Debian's chromium without a screen; it finds no other machine and tells what it asks for."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    alone = "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "no-proxy-server", alone):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


def flaws(browser: webdriver.Chrome, address: str, width: int = 1280) -> list[str]:
    """Open a page as wide as this, look at it in light and in dark, and say what is wrong with it."""
    show(browser, address, width)
    found = list(browser.execute_script(LOOK)) + [f"{what}: {match}" for what, match in _words(browser)]
    browser.execute_script(_axe())
    wide = width > 1000  # contrast takes the most time, and is the same on a narrow screen
    found += browser.execute_async_script(ACCESSIBLE, {"rules": {CONTRAST: {"enabled": wide}}})
    _shine(browser, "dark")
    if wide:
        dark = browser.execute_async_script(ACCESSIBLE, {"runOnly": [CONTRAST]})
        found += [f"in the dark: {each}" for each in dark]
    found += _traffic(browser, address)
    console = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return found + [f"the console says: {entry['message']}" for entry in console]


def show(browser: webdriver.Chrome, address: str, width: int) -> None:
    """Open a page as wide as this, on a machine that is set to light."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get("about:blank")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", _scheme("light"))
    browser.get(address)
    # the empty page's end may be taken for that of this one
    loaded = "return location.href !== 'about:blank' && document.readyState === 'complete'"
    WebDriverWait(browser, 30).until(lambda _: browser.execute_script(loaded), "the page does not load")


def _scheme(light_or_dark: str) -> dict[str, Any]:
    return {"features": [{"name": "prefers-color-scheme", "value": light_or_dark}]}


def _shine(browser: webdriver.Chrome, light_or_dark: str) -> None:
    """Set the machine to light or dark; the page follows, here at once."""
    browser.execute_script("document.head.insertAdjacentHTML('beforeend', arguments[0])", AT_ONCE)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", _scheme(light_or_dark))
    theme = "return document.documentElement.dataset.theme"
    WebDriverWait(browser, 5).until(lambda _: browser.execute_script(theme) == light_or_dark, "the page stays light")


def _axe() -> str:
    """The accessibility checker axe-core, out of a package that carries it and needs no more of that package."""
    file = distribution("axe-playwright-python").locate_file("axe_playwright_python/axe.min.js")
    return Path(str(file)).read_text(encoding="utf-8")


def _traffic(browser: webdriver.Chrome, address: str) -> Iterator[str]:
    """Requests that leave the machine, or fail."""
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        name, given = message["method"], message["params"]
        if name == "Network.requestWillBeSent":
            url = given["request"]["url"]
            if (
                urlparse(url).scheme not in ("data", "blob", "about")
                and urlparse(url).netloc != urlparse(address).netloc
            ):
                yield f"a request to elsewhere: {url}"
        elif name == "Network.responseReceived" and given["response"]["status"] >= 400:
            yield f"a request that fails: {given['response']['url']}"


def _words(browser: webdriver.Chrome) -> Iterator[tuple[str, str]]:
    """What only a programmer could read, outside code."""
    soup = BeautifulSoup(browser.page_source, "html.parser")
    article = soup.select_one("article") or soup
    reference = ", table" if browser.current_url.endswith("settings.html") else ""  # whose tables list keys
    for code in article.select(f"pre, code, script, style{reference}"):
        code.extract()
    text = " ".join([article.get_text(" "), *(str(image.get("alt")) for image in article.find_all("img"))])
    for what, pattern in NOT_FOR_READERS.items():
        if match := re.search(pattern, text):
            yield what, text[max(match.start() - 30, 0) : match.end() + 30]


def dead_links(folder: Path) -> list[str]:
    """Links of pages below a folder that lead to no file, or to no place within one."""
    pages = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in folder.rglob("*.html")}
    places = {path.resolve(): {each["id"] for each in soup.select("[id]")} for path, soup in pages.items()}
    found = []
    for path, soup in pages.items():
        for link in soup.select("a[href]"):
            there = urlparse(urljoin(path.as_uri(), str(link["href"])))
            if there.scheme != "file":
                continue
            target = Path(unquote(there.path)).resolve()
            lost = not target.is_file() or (there.fragment and unquote(there.fragment) not in places.get(target, set()))
            found += [f"{path.name}: {link['href']}"] if lost else []
    return found


def broken_tables(folder: Path) -> list[str]:
    """Tables of pages below a folder whose numbers for download are not those that are shown."""
    found = []
    for path in folder.rglob("*.html"):
        for figure in BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select("figure.lvmass-table"):
            link, shown = figure.select_one("a.lvmass-csv[download]"), figure.select("tbody tr")
            kind, _, text = unquote(str(link.get("href")) if link else "").partition(",")
            rows = list(csv.reader(StringIO(text)))
            heads = [head.get_text() for head in figure.select("thead th")]
            sizes = [len(row.select("td")) for row in shown]
            if kind != "data:text/csv" or rows[:1] != [heads] or [len(row) for row in rows[1:]] != sizes:
                found.append(f"{path.name}: {figure.get_text(' ')[:60]}")
    return found
