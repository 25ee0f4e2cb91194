// What is kept of a reader's practice: the sum of it, export, import, deletion, and the texts that could not be read.
import { count, download, make } from "./dom.js";
import { merge, parse, serialise } from "./state.js";

const MOST = 5 * 1024 * 1024; // what a browser's storage holds at best
const MARKS = [["missed", "missed"], ["due", "due"], ["seen", "seen"]];

/** Build the panel; `changed` is called when the log is another one. */
export function openProgress({ desk, questions, store, changed }) {
  const panel = desk.querySelector(".progress");
  const board = desk.querySelector(".desk__notices");
  const kept = panel.querySelector(".progress__kept");
  const notices = new Map();
  const slugs = new Set(questions.map((one) => one.slug));

  /** Show a message of a kind in place of the last one of that kind; an empty text takes it away. */
  function tell(kind, text, action) {
    notices.get(kind)?.remove();
    notices.delete(kind);
    if (text) {
      const dismiss = make("button", { type: "button", className: "practice__small" }, "Close");
      dismiss.addEventListener("click", () => tell(kind, ""));
      const notice = make("div", { className: "desk__notice" }, make("p", {}, text), ...(action ? [action] : []), dismiss);
      notice.dataset.kind = kind;
      notices.set(kind, notice);
      board.append(notice);
    }
  }

  const button = (words, act) => {
    const element = make("button", { type: "button", className: "practice__small" }, words);
    element.addEventListener("click", act);
    return element;
  };

  /** Say on an entry of the list how its question stands. */
  function mark(entry, standing) {
    const word = MARKS.find(([name]) => standing[name])?.[1] ?? "";
    const summary = entry.querySelector("summary");
    let badge = summary.querySelector(".question-entry__mark");
    if (!word) return badge?.remove();
    if (!badge) summary.append((badge = make("span", { className: "question-entry__mark" })));
    if (badge.textContent !== word) badge.textContent = word;
    badge.dataset.mark = word;
  }

  function sum(standings) {
    const all = [...standings.values()];
    const number = (name) => all.filter((one) => one[name]).length;
    const gone = [...store().reviews().keys()].filter((slug) => !slugs.has(slug)).length;
    const rest = gone ? ` · ${count(gone, "question")} not on this page, kept` : "";
    const text = `Progress: ${number("seen")} of ${all.length} seen · ${number("due")} due today · ${number("missed")} missed${rest}`;
    const place = panel.querySelector(".progress__sum");
    if (place.textContent !== text) place.textContent = text;
    listKept();
  }

  /** List the old texts that wait for the reader. */
  function listKept() {
    const texts = store().kept();
    const signature = texts.map(({ key, text }) => `${key}:${text.length}`).join();
    if (kept.dataset.signature === signature) return;
    kept.dataset.signature = signature;
    kept.hidden = texts.length === 0;
    const items = texts.map(({ key, text }, index) => {
      const name = `Old text ${index + 1}, ${count(text.length, "character")}`;
      const get = button("Download", () => download(`dlref-practice-old-${index + 1}.txt`, text, "text/plain"));
      get.setAttribute("aria-label", `Download ${name}`);
      if (!key) return make("li", {}, `${name} `, get);
      const forget = button("Delete", () => (store().forget(key), tell("aside", ""), listKept(), panel.querySelector("summary").focus()));
      forget.setAttribute("aria-label", `Delete ${name}`);
      return make("li", {}, `${name} `, get, " ", forget);
    });
    kept.replaceChildren(...items);
    if (texts.length) panel.open = true;
  }

  function exportAll() {
    const date = new Date();
    const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
    download(`dlref-practice-${day}.json`, `${serialise(store().reviews())}\n`);
    tell("done", `Exported: the progress of ${count(store().reviews().size, "question")}.`);
  }

  async function importFile(file) {
    if (file.size > MOST) return tell("done", `${file.name} is larger than 5 MB, and no file of this page: nothing was imported.`);
    const text = await file.text();
    if (!text.trim()) return tell("done", `${file.name} is empty: nothing was imported.`);
    const found = parse(text);
    if (found.status === "broken" || found.status === "newer") {
      return tell("done", `${file.name} cannot be imported: ${found.faults[0]}. Nothing was changed.`);
    }
    const bad = found.faults.length ? ` ${found.faults.length} of its entries could not be read and were left out: ${found.faults[0]}.` : "";
    store().commit((reviews) => merge(reviews, found.reviews));
    changed();
    tell("done", `Imported from ${file.name}: the progress of ${count(found.reviews.size, "question")}, joined with what was here.${bad}`);
  }

  function clear() {
    const before = store().reviews();
    if (!before.size) return tell("done", "There is no progress to delete.");
    store().commit(() => new Map());
    changed();
    const undo = button("Undo", () => {
      store().commit((reviews) => merge(reviews, before));
      changed();
      tell("done", "Your progress is back.");
      panel.querySelector("[data-act=clear]").focus();
    });
    tell("done", `Deleted: the progress of ${count(before.size, "question")}.`, undo);
  }

  panel.querySelector("[data-act=export]").addEventListener("click", exportAll);
  panel.querySelector("[data-act=clear]").addEventListener("click", clear);
  panel.querySelector("[name=import]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) await importFile(file);
    event.target.value = ""; // the same file can be chosen again
  });
  return { tell, mark, sum };
}
