// The desk of the questions page: the filter, the ways to practise, and what is kept. Without scripts the page is the
// whole list; this only adds to it.
import { count, make, say } from "./dom.js";
import { openInterview } from "./interview.js";
import { movedSlugs, readQuestions } from "./questions.js";
import { openProgress } from "./progress.js";
import { openSitting } from "./sitting.js";
import { standing } from "./schedule.js";
import { FIELDS, fromQuery, inOrder, passes, toQuery } from "./select.js";
import { record, withdraw } from "./state.js";
import { KEY, openStore } from "./store.js";

const desk = document.querySelector(".desk");
const article = desk.closest("article");
desk.hidden = false; // before anything is said, or nobody hears it
const form = desk.querySelector(".question-filter");
const begin = form.querySelector("[data-act=practise]");
const output = form.querySelector("output");
const status = desk.querySelector(".desk__status");
const sections = [...article.querySelectorAll("section[data-section]")];
const questions = readQuestions(article);
const bySlug = new Map(questions.map((question) => [question.slug, question]));

const progress = openProgress({ desk, questions, store: () => store, changed: () => refresh() });
const store = openStore({ storage: theStorage(), moved: movedSlugs(questions), tell: progress.tell });
const sitting = openSitting({ desk, bySlug, store, status, grade: saveGrade, close: showList });
const interview = openInterview({ desk, questions, start: (slugs, options) => {
    progress.tell("interview", "");
    enter(() => sitting.begin(slugs, options));
  }, close: showList });

function theStorage() {
  try {
    return window.localStorage;
  } catch {
    return null; // denied
  }
}

const filterNow = () => Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));

/** Return how every question stands. */
function standings() {
  const now = Date.now();
  const reviews = store.reviews();
  return new Map(questions.map(({ slug }) => [slug, standing(reviews.get(slug), now)]));
}

/** Show what passes the filter, and how each question stands. */
function refresh() {
  const filter = filterNow();
  const stand = standings();
  const chosen = questions.filter((question) => passes(question, filter, stand.get(question.slug)));
  const visible = new Set(chosen.map((question) => question.entry));
  for (const { entry, slug } of questions) {
    entry.hidden = !visible.has(entry);
    progress.mark(entry, stand.get(slug));
  }
  for (const section of sections) section.hidden = !section.querySelector(".question-entry:not([hidden])");
  const text = count(chosen.length, "question");
  if (output.value !== text) output.value = text;
  begin.disabled = chosen.length === 0;
  progress.sum(stand);
  return inOrder(chosen, stand);
}

/** Save a grade; one that was given in this sitting before is taken back. */
function saveGrade(slug, grade, time, before) {
  store.commit((reviews) => record(before === null ? reviews : withdraw(reviews, slug, before), slug, time, grade));
  refresh();
}

/** Leave the list for something else. */
function enter(open) {
  progress.tell("done", "");
  article.classList.add("practising");
  for (const part of desk.querySelectorAll(".question-filter, .progress, .interview, .practice, .report")) part.hidden = true;
  open();
  article.scrollIntoView({ block: "start" });
}

function showList({ focus = true } = {}) {
  article.classList.remove("practising");
  for (const part of desk.querySelectorAll(".interview, .practice, .report")) part.hidden = true;
  for (const part of desk.querySelectorAll(".question-filter, .progress")) part.hidden = false;
  status.textContent = "";
  refresh();
  if (focus) begin.focus();
}

function practise() {
  progress.tell("interview", "");
  const row = refresh();
  if (!row.length) return say(status, "No question passes the filter.");
  enter(() => sitting.begin(row.map((question) => question.slug), {}));
}

form.addEventListener("input", () => {
  history.replaceState(history.state, "", `${location.pathname}${toQuery(filterNow(), location.search)}${location.hash}`);
  refresh();
});
form.addEventListener("submit", (event) => event.preventDefault());
begin.addEventListener("click", practise);
form.querySelector("[data-act=interview]").addEventListener("click", () => enter(interview.open));
window.addEventListener("storage", (event) => {
  if (event.key !== KEY && event.key !== null) return;
  store.reload();
  refresh();
});
window.addEventListener("hashchange", () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || !article.classList.contains("practising") || !target.closest("section[data-section]")) return;
  showList({ focus: false }); // a link to the list, from the contents of the page
  target.scrollIntoView();
});
document.addEventListener("visibilitychange", () => document.hidden || refresh()); // what is due changes overnight

// An interview that was left goes on where it was.
const left = sitting.left();
if (left) {
  const resume = make("button", { type: "button", className: "practice__small" }, "Go on with it");
  resume.addEventListener("click", () => (progress.tell("interview", ""), enter(left.resume)));
  progress.tell("interview", left.words, resume);
}

// A link may carry a filter, and open a practice: questions/?section=training&practice=due
const wanted = fromQuery(location.search);
for (const name of FIELDS) {
  const field = form.elements[name];
  field.value = wanted.filter[name];
  if (field.selectedIndex === -1) field.value = "";
}
const row = refresh();
if (wanted.start === "practice" && row.length) practise();
else if (wanted.start === "practice") say(status, "No question passes the filter now.");
if (wanted.start === "interview") enter(interview.open);
