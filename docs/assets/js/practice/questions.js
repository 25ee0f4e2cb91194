// The questions as the page lists them.

/** Read the list: each question with its place, its words, and the nodes that show it. */
export function readQuestions(root) {
  return [...root.querySelectorAll(".question-entry")].map((entry) => {
    const summary = entry.querySelector("summary");
    const nodes = [...summary.childNodes].filter((node) => !(node instanceof Element && node.matches(".level")));
    const body = [...entry.children].filter((one) => one !== summary);
    return {
      slug: entry.dataset.slug,
      page: entry.dataset.page,
      section: entry.dataset.page.split("/")[0],
      level: entry.dataset.level,
      formerly: (entry.dataset.formerly ?? "").split(" ").filter(Boolean),
      text: entry.textContent.toLowerCase(),
      wording: wording(nodes),
      entry,
      nodes,
      answer: body.slice(0, -1), // the last line is the link
      link: body[body.length - 1].querySelector("a"),
    };
  });
}

/** Return the words of nodes; of a formula what a screen reader says, not what it is drawn with. */
function wording(nodes) {
  const copy = document.createElement("span");
  copy.append(...nodes.map((node) => node.cloneNode(true)));
  for (const drawn of copy.querySelectorAll(".katex-html")) drawn.remove();
  for (const source of copy.querySelectorAll("annotation")) source.remove();
  return copy.textContent.replace(/\s+/g, " ").trim();
}

/** Map the slugs that questions had before to those of today. */
export function movedSlugs(questions) {
  const today = new Set(questions.map((one) => one.slug));
  const moved = questions.flatMap((one) => one.formerly.map((old) => [old, one.slug]));
  return new Map(moved.filter(([old]) => !today.has(old)));
}
