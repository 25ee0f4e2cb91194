"""What it takes to load a page for the first time: bytes, requests, and how much moves meanwhile."""

import json
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, Route

# Chromium's own count of what moved without the reader's doing (Cumulative Layout Shift, here all of it).
_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const {value, hadRecentInput, sources} of list.getEntries()) {
    if (hadRecentInput) continue;
    const moved = sources.map(({node}) => (node?.outerHTML ?? node?.textContent ?? "?").trim().slice(0, 60));
    window.shifts.push([value, Math.round(scrollY) + " px down: " + moved.slice(0, 2).join(" | ")]);
  }
}).observe({type: "layout-shift", buffered: true});
"""
_SCROLL = """
async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += 0.7 * innerHeight) {
    scrollTo(0, y);
    await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
  }
}
"""


@dataclass(frozen=True)
class Load:
    """A first load: the body's bytes of each answer over the wire, each shift with what moved, and the elements."""

    bytes: dict[str, int]
    shifts: list[tuple[float, str]]
    elements: int

    @property
    def kilobytes(self) -> float:
        """Return the weight of all answers."""
        return sum(self.bytes.values()) / 1024

    @property
    def shift(self) -> float:
        """Return how much moved in all."""
        return sum(value for value, _ in self.shifts)

    def __str__(self) -> str:
        """Name what weighs most and what moved most."""
        heavy = sorted(self.bytes.items(), key=lambda item: -item[1])[:6]
        moved = sorted(self.shifts, reverse=True)[:3]
        return f"{self.kilobytes:.0f} KB {heavy}, {self.elements} elements, shift {self.shift:.3f} {moved}"


def scroll_through(page: Page) -> None:
    """Bring everything into sight once."""
    page.evaluate(_SCROLL)


def load(page: Page, address: str, *, late_fonts: bool = False) -> Load:
    """Load a page in a fresh tab and scroll through it; late fonts come when the page has been painted without them."""
    page.add_init_script(_SHIFTS)
    sizes: dict[str, int] = {}
    names: dict[str, str] = {}
    network = page.context.new_cdp_session(page)
    network.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]}))
    network.on(
        "Network.loadingFinished",
        lambda event: sizes.update({names.get(event["requestId"], "?"): int(event["encodedDataLength"])}),
    )
    network.send("Network.enable")
    if late_fonts:
        _load_before_fonts(page, address)
    else:
        page.goto(address, wait_until="networkidle")
    first = {url: size for url, size in sizes.items() if not url.startswith("data:")}
    elements = page.locator("*").count()
    page.evaluate("document.fonts.ready.then(() => true)")
    scroll_through(page)
    page.wait_for_timeout(100)
    network.detach()
    return Load(first, [(value, moved) for value, moved in page.evaluate("window.shifts")], elements)


def _load_before_fonts(page: Page, address: str) -> None:
    """Hold the fonts back until the page has been painted without them."""
    held: list[Route] = []
    waiting = True

    def hold(route: Route) -> None:
        if waiting:
            held.append(route)
        else:
            route.continue_()

    page.route("**/*.woff2", hold)
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_timeout(300)
    waiting = False
    for route in held:
        route.continue_()
    page.wait_for_load_state("networkidle")


def restyled(browser: Browser, page: Page, address: str) -> float:
    """Load a page; return how many times the style of an element was worked out, on average over all elements.

    What Lighthouse takes a blocking time for, counted: the same on a busy machine.
    """
    browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline", "devtools.timeline"])
    page.goto(address, wait_until="networkidle")
    page.wait_for_timeout(500)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    styled = sum(event["args"].get("elementCount", 0) for event in events if event["name"] == "UpdateLayoutTree")
    return styled / page.locator("*").count()
