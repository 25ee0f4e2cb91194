// Which questions, and in which order. A question is { slug, section, page, level, text }. No DOM.

export const PROGRESS = ["new", "seen", "missed", "due"];
export const FIELDS = ["text", "section", "level", "progress"];

/** Tell whether a question passes the filter; `section` is a section or a page, `standing` says how it stands. */
export function passes(question, filter, standing) {
  const words = (filter.text ?? "").toLowerCase().split(/\s+/);
  return (
    (!filter.section || filter.section === question.section || filter.section === question.page) &&
    (!filter.level || filter.level === question.level) &&
    (!filter.progress || (filter.progress === "new" ? !standing.seen : standing[filter.progress] === true)) &&
    words.every((word) => question.text.includes(word))
  );
}

/** Put questions in the order of practice: what is due, longest first; what is new, as read; then what can wait. */
export function inOrder(questions, standings) {
  const rank = (question) => {
    const { seen, due } = standings.get(question.slug);
    return due ? 0 : seen ? 2 : 1;
  };
  const at = (question) => standings.get(question.slug).at ?? 0;
  return [...questions].sort((one, other) => rank(one) - rank(other) || at(one) - at(other)); // a stable sort
}

/** Pick some questions by chance, each at most once. */
export function pick(questions, count, random = Math.random) {
  const left = [...questions];
  for (let index = left.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [left[index], left[other]] = [left[other], left[index]];
  }
  return left.slice(0, count);
}

/** Read an address: `?section=training&practice=due` is a filter and what to start with. */
export function fromQuery(search) {
  const query = new URLSearchParams(search);
  const filter = Object.fromEntries(FIELDS.map((name) => [name, query.get(name) ?? ""]));
  const start = query.get("practice") ?? "";
  if (PROGRESS.includes(start)) filter.progress = start;
  return { filter, start: PROGRESS.includes(start) || start === "all" ? "practice" : start === "interview" ? start : "" };
}

/** Write the filter into an address, and leave there what is of others. */
export function toQuery(filter, search) {
  const query = new URLSearchParams(search);
  query.delete("practice");
  for (const name of FIELDS) {
    if (filter[name]) query.set(name, filter[name]);
    else query.delete(name);
  }
  return query.size ? `?${query}` : "";
}
