// The keys of a place: they work while the focus is in it, and never take a key from a field, a button, a link, or
// something that scrolls. Material's own keys (f s / n p , .) are not among them.

const FIELDS = "input, select, textarea, [contenteditable]:not([contenteditable=false])";
const PRESSED = "button, a[href], summary, label";

/** Call `act` with the name that `keys` gives to the key pressed. */
export function listenToKeys(place, keys, act) {
  place.addEventListener("keydown", (event) => {
    const name = keys[event.key];
    if (!name || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest(FIELDS)) return;
    if ((event.key === " " || event.key === "Enter") && event.target.closest(PRESSED)) return;
    if (event.key.startsWith("Arrow") && scrolls(event.target, place)) return;
    event.preventDefault();
    if (!event.repeat) act(name); // a key that is held down grades one question, not ten
  });
}

/** Tell whether the arrows would scroll something here, such as a long formula. */
function scrolls(target, place) {
  for (let element = target; element && element !== place; element = element.parentElement) {
    if (element.tabIndex === 0 && element.scrollWidth > element.clientWidth && !element.matches(PRESSED)) return true;
  }
  return false;
}
