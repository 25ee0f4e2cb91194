"""What the tests look for in a page that a browser shows. Each check returns the faults that it finds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, Route

DESKTOP, PHONE = (1280, 900), (390, 844)
LEAST_CONTRAST = 4.5

_CONTRAST = """
(least) => {
  const parse = (color) => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element, color) => {
    const ground = behind(element.closest("svg")?.parentElement ?? element);
    const [low, high] = [luminance(over(parse(color), ground)), luminance(ground)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const visible = (element) => !element.closest("details:not([open])");
  const faults = [];
  const judge = (what, element, color) => {
    const box = element.getBoundingClientRect(), name = element.textContent.trim().slice(0, 30);
    const size = parseFloat(getComputedStyle(element).fontSize); // a displayed formula keeps its row
    if (box.width < 1 || box.height < 1 || size < 1) faults.push(`${what} ${name}: no size`);
    const ratio = contrast(element, color).toFixed(2);
    if (ratio < least) faults.push(`${what} ${name}: contrast ${ratio}`);
  };
  for (const formula of document.querySelectorAll(".katex-html")) {
    if (visible(formula)) judge("formula", formula, getComputedStyle(formula).color);
  }
  for (const svg of document.querySelectorAll("article figure svg")) {
    if (!visible(svg)) continue;
    const {width, height} = svg.getBoundingClientRect();
    if (width < 200 || height < 100) faults.push(`figure ${svg.parentElement.id}: ${width} x ${height}`);
    for (const text of svg.querySelectorAll("text")) {
      if (text.textContent.trim()) judge("text of a figure", text, getComputedStyle(text).fill);
    }
  }
  for (const font of document.fonts) { // a fallback is a font of the reader's machine, if it has it
    if (font.status === "error" && !/fallback/.test(font.family)) faults.push(`font ${font.family} does not load`);
  }
  return faults;
}
"""
_WIDE = """
() => {
  const width = document.documentElement.scrollWidth;
  if (width <= innerWidth) return [];
  const out = (element) => element.getBoundingClientRect().right > innerWidth + 1;
  const last = [...document.querySelectorAll("article *")].filter(out).pop()?.outerHTML.slice(0, 80);
  return [`${width} pixels wide on a screen of ${innerWidth}: ${last}`];
}
"""


@contextmanager
def opened(
    browser: Browser, scheme: str = "light", size: tuple[int, int] = DESKTOP, address: str = ""
) -> Iterator[Page]:
    """Open a tab with a colour scheme and a size; whatever is not on the site is never asked for."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        permissions=["clipboard-read", "clipboard-write"],
    )
    if address:
        context.route(lambda url: not _ours(url, address), lambda route: route.abort())
    try:
        yield context.new_page()
    finally:
        context.close()


def _ours(url: str, home: str) -> bool:
    """Tell whether an address is the site's; the list of its versions lies beside them."""
    return url.startswith((home, "data:", "blob:")) or url == urljoin(home, "../versions.json")


def plant(page: Page, address: str, edit: Callable[[str], str]) -> None:
    """Have the browser see an edited page."""

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=edit(response.text()))

    page.route(address, answer)


@contextmanager
def watched(page: Page, home: str) -> Iterator[list[str]]:
    """Note errors of the console, of scripts and of the policy, failed requests, and requests that leave home."""
    faults: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # On a busy machine a font comes too late for its page, which then does without: so it is meant.
        late_font = ".woff2 was preloaded using link preload but not used" in message.text
        if message.type in ("error", "warning") and not late_font:
            faults.append(f"console: {message.text}")

    def on_error(error: Error) -> None:
        faults.append(f"script: {error.message}")

    def on_request(request: Request) -> None:
        if not _ours(request.url, home):
            faults.append(f"another origin: {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            faults.append(f"{response.status}: {response.url}")

    page.on("console", on_console)
    page.on("pageerror", on_error)
    page.on("request", on_request)
    page.on("response", on_response)
    yield faults
    page.remove_listener("console", on_console)
    page.remove_listener("pageerror", on_error)
    page.remove_listener("request", on_request)
    page.remove_listener("response", on_response)


def trouble(page: Page, address: str, home: str) -> list[str]:
    """Visit an address; return the faults that show by themselves."""
    with watched(page, home) as faults:
        page.goto(address, wait_until="networkidle")
    return faults


def visit(page: Page, address: str) -> None:
    """Open a page and wait until its scripts and fonts are there."""
    page.goto(address)
    page.evaluate("document.fonts.ready.then(() => true)")


def invisible(page: Page) -> list[str]:
    """Find formulas and figures that nobody can read, and fonts that did not load."""
    return page.evaluate(_CONTRAST, LEAST_CONTRAST)


def too_wide(page: Page) -> list[str]:
    """Find what makes a page wider than its screen."""
    return page.evaluate(_WIDE)


def copied(page: Page, block: str) -> str:
    """Press the copy button of the first code block that a selector finds, and return what is then pasted."""
    page.evaluate("navigator.clipboard.writeText('')")
    code = page.locator(block).first
    code.scroll_into_view_if_needed()
    code.hover()
    code.locator("button[data-md-type=copy]").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text !== '')")
    return page.evaluate("navigator.clipboard.readText()")


def found(page: Page, word: str) -> list[str]:
    """Search for a word; return the addresses of the results."""
    box = page.locator("input[data-md-component=search-query]")
    page.locator(".md-search__form:visible, .md-header__button[for=__search]:visible").first.click()
    box.fill("")
    box.press_sequentially(word, delay=15)
    meta = page.locator(".md-search-result__meta")
    page.wait_for_function(
        "(meta) => /matching|No matching/i.test(meta.textContent)", arg=meta.element_handle(), timeout=5000
    )
    return page.eval_on_selector_all(".md-search-result__link", "links => links.map((link) => link.href)")
