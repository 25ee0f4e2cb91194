// The few things that every part of the page does with elements.

/** Make an element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Hand a text to the reader as a file. */
export function download(name, text, type = "application/json") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Say something to a screen reader; the same words are said again. */
export function say(region, text) {
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/** Copy the nodes of a question or an answer, without what may stand only once in a page. */
export function copyOf(nodes) {
  const copies = [...nodes].map((node) => node.cloneNode(true));
  for (const copy of copies) {
    if (!(copy instanceof Element)) continue;
    for (const one of copy.querySelectorAll("nav, .headerlink")) one.remove();
    for (const one of [copy, ...copy.querySelectorAll("[id]")]) one.removeAttribute("id");
  }
  return copies;
}

/** Return "1 question", "2 questions". */
export const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
