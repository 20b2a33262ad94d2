"""Open every page that was built in a headless Chromium, at the width of a desk and at that of a phone.

``python docs/check_site.py`` after ``sphinx-build -W docs docs/_build``; needs ``pip install ".[site]"`` and Chromium.
Told as faults are: messages of errors in the console, requests that leave this machine or fail, pictures that don't
appear, equations as raw LaTeX, pages wider than the window, sidebars without a link, links within the pages that lead
nowhere, and words that the search does not find. The exit status is 1 if there is any.
"""

import argparse
import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag

BUILT = Path(__file__).parent / "_build"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
NO_PLAYWRIGHT = 'The check needs playwright: pip install ".[site]"'
NO_BROWSER = (
    f"There is no Chromium: none of {', '.join(BROWSERS)} is on the PATH, and playwright has not installed one. "
    "Install it with the system's packages (apt-get install chromium) or with "
    "`python -m playwright install chromium`, or say where it is: --browser PATH."
)
WORDS = "anomaly", "outlier", "save", "steering", "missing", "image", "text"

# What a page says of itself, in its own language.
IDS_AND_LINKS = """() => ({
    ids: [...document.querySelectorAll("[id], a[name]")].map(each => each.id || each.name),
    links: [...document.querySelectorAll("a[href]")].map(each => each.href),
})"""
MISSING_PICTURES = """async () => {
    const pictures = [...document.images];
    for (const each of pictures) each.loading = "eager";
    await Promise.all(pictures.map(each => each.decode().catch(() => null)));
    return pictures.filter(each => each.naturalWidth === 0).map(each => each.src);
}"""
RAW_EQUATIONS = r"""() => {
    const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent, where = walker.currentNode.parentElement;
        const isCode = where.closest("pre, script, style") || where.closest("code:not(.math code)");
        if (!isCode && /\\[(\[]|\\(frac|sum|hat|mathrm|begin)\b|\$\$/.test(text)) found.push(text.trim().slice(0, 60));
    }
    return found;
}"""
# What sticks out of the window without a box around it that scrolls, also where the page itself cuts it off.
TOO_WIDE = r"""() => {
    const width = document.documentElement.clientWidth, found = [];
    if (document.scrollingElement.scrollWidth > width) found.push(`scrolls: ${document.scrollingElement.scrollWidth}`);
    const scrolls = each => ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
    for (const each of document.querySelectorAll("article *")) {
        const box = each.getBoundingClientRect(), right = Math.max(box.right, box.left + each.scrollWidth);
        if (right <= width + 1 || !box.height || each.closest(".visually-hidden, .headerlink, button")) continue;
        let around = each;
        while (around && !scrolls(around)) around = around.parentElement.closest("article *");
        if (!around) found.push(`${each.tagName}: ${each.textContent.trim().replace(/\s+/g, ' ').slice(0, 40)}`);
    }
    return found.slice(0, 3);
}"""
EMPTY_SIDEBARS = """() => [".bd-sidebar-primary", ".bd-sidebar-secondary", "nav.bd-docs-nav"].filter(selector =>
    [...document.querySelectorAll(selector)].some(
        each => each.offsetParent && [...each.querySelectorAll("a")].every(link => !link.offsetParent)))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """The built pages over HTTP, because a search from files would be refused."""

    def log_message(self, *args):
        pass


def serve(folder):
    """A server on a free port, in a thread of its own."""
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


class Visit:
    """A browser's page, and the faults that were found in it."""

    def __init__(self, browser, root):
        self.root = root
        self.where = ""
        self.faults = []
        self.page = browser.new_page(viewport=DESK)
        self.page.route("**/*", self._only_from_here)
        self.page.on("console", lambda message: message.type == "error" and self.fault("console", message.text))
        self.page.on("pageerror", lambda error: self.fault("script", str(error)))
        self.page.on("response", lambda answer: answer.status >= 400 and self.fault("request", answer.url))

    def _only_from_here(self, route):
        if route.request.url.startswith((self.root, "data:", "blob:")):
            route.continue_()
        else:
            self.fault("network", route.request.url)
            route.abort()

    def fault(self, kind, text):
        self.faults.append(f"{self.where}: {kind}: {text}")

    def open(self, name):
        """Look at a page in both widths; returns its ids and links."""
        self.where = name
        self.page.set_viewport_size(DESK)
        self.page.goto(self.root + name)
        for kind, script in [("missing picture", MISSING_PICTURES), ("raw equation", RAW_EQUATIONS)]:
            for each in self.page.evaluate(script):
                self.fault(kind, each)
        for size in (DESK, PHONE):
            self.page.set_viewport_size(size)
            for kind, script in [("too wide", TOO_WIDE), ("empty sidebar", EMPTY_SIDEBARS)]:
                for each in self.page.evaluate(script):
                    self.fault(f"{kind} at {size['width']}", each)
        return self.page.evaluate(IDS_AND_LINKS)

    def search(self, word):
        """Ask the search of the pages for a word; returns the titles that it finds."""
        from playwright.sync_api import TimeoutError as NothingFound

        self.where = f"search for {word}"
        self.page.set_viewport_size(DESK)
        self.page.goto(f"{self.root}search.html?q={word}")
        try:
            self.page.wait_for_selector("#search-results ul.search li a", timeout=10_000)
        except NothingFound:
            self.fault("search", "nothing found")
            return []
        self.page.wait_for_timeout(500)
        return [each.inner_text() for each in self.page.query_selector_all("#search-results ul.search li > a")]


def broken_links(pages, root, folder):
    """Links within the pages to a page, or to a place of a page, that does not exist."""
    for name, page in pages.items():
        for link in sorted(set(page["links"])):
            address, fragment = urldefrag(link)
            if not address.startswith(root):
                continue
            target = unquote(address.removeprefix(root)) or "index.html"
            if target in pages:
                if fragment and unquote(fragment) not in pages[target]["ids"]:
                    yield f"{name}: broken link: no place #{fragment} in {target}"
            elif not (folder / target).is_file():
                yield f"{name}: broken link: {target}"


def find_browser(given, playwright):
    """The path of a Chromium, or the end of the program with a word about how to get one."""
    own = playwright.chromium.executable_path
    found = given or next(filter(None, map(shutil.which, BROWSERS)), None) or (own if Path(own).exists() else None)
    if found is None:
        sys.exit(NO_BROWSER)
    return found


def check(folder, given_browser=None):
    """Visit all pages of a folder; returns the faults."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        sys.exit(NO_PLAYWRIGHT)
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*.html") if "_static" not in path.parts
    )
    if "index.html" not in names:
        sys.exit(f"{folder} has no index.html: build the pages first, with sphinx-build -W docs docs/_build")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(given_browser, playwright))
        root = serve(folder)
        visit = Visit(browser, root)
        pages = {name: visit.open(name) for name in names}
        for word in WORDS:
            titles = visit.search(word)
            print(f"search for {word}: {len(titles)} pages, first {titles[:3]}")
        browser.close()
    print(f"{len(pages)} pages, each in two widths")
    return [*visit.faults, *broken_links(pages, root, folder)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=BUILT, help="where the built pages are")
    parser.add_argument("--browser", help="the path of a Chromium; else one is looked for")
    options = parser.parse_args()
    faults = check(options.folder.resolve(), options.browser)
    print(*faults or ["no faults"], sep="\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
