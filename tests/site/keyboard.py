"""A walk through a page by the Tab key, and what is wrong on the way."""

from playwright.sync_api import Page

# Of the element that has the focus: a name, whether it is in sight, and how it and what is around it look.
_FOCUSED = """
async () => {
  // What comes into sight is laid out only then, and moves what has the focus: look when that is done.
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const looks = (element) => {
    const around = [element, element.nextElementSibling, element.parentElement, ...element.children].filter(Boolean);
    return JSON.stringify(around.map((each) => {
      const style = getComputedStyle(each);
      const line = style.outlineStyle === "none" ? "" : style.outlineStyle + style.outlineWidth + style.outlineColor;
      const {boxShadow, backgroundColor, color, borderColor, opacity, transform} = style;
      return [line, boxShadow, backgroundColor, color, borderColor, opacity, transform];
    }));
  };
  const last = window.walked;
  const seen = last && looks(last.element) !== last.looks;
  const box = (one.matches(".md-option") ? one.nextElementSibling : one).getBoundingClientRect();
  const inSight = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  window.walked = {element: one, looks: looks(one)};
  const name = `${one.localName}.${one.className} ${(one.ariaLabel || one.textContent || "").trim().slice(0, 30)}`;
  return {name, inSight, lastSeen: last ? seen : true, same: last?.element === one};
}
"""


def walk(page: Page, steps: int = 2000) -> tuple[list[str], list[str]]:
    """Press Tab until the page ends, or so many times; return the names of the stops, and the faults."""
    stops: list[str] = []
    faults: list[str] = []
    page.evaluate("window.walked = undefined")
    for _ in range(steps):
        page.keyboard.press("Tab")
        stop = page.evaluate(_FOCUSED)
        if stop is None:
            break
        if not stop["lastSeen"] and not stop["same"]:
            faults.append(f"focus cannot be seen: {stops[-1]}")
        if stop["same"]:
            faults.append(f"trap: {stop['name']}")
            break
        if not stop["inSight"]:
            faults.append(f"out of sight: {stop['name']}")
        stops.append(stop["name"])
    return stops, faults
