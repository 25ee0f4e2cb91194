// A sitting as the reader sees it: one question at a time, its answer, the two grades, the clock, and the end.
import { copyOf, say } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { openReport } from "./report.js";
import { dueAfter, inWords } from "./schedule.js";
import * as session from "./session.js";
import { KNEW, MISSED } from "./state.js";

const TICK = 500;
const UNDER_WAY = "dlref.practice.interview"; // in this tab, until its report

/** Build the place of a sitting; `grade` saves a grade, `close` leads back to the list. */
export function openSitting({ desk, bySlug, store, status, grade, close }) {
  const place = desk.querySelector(".practice");
  const find = (selector) => place.querySelector(selector);
  const act = (name) => find(`[data-act=${name}]`);
  const report = openReport({ desk, bySlug, status, close, again: (slugs) => begin(slugs, {}) });
  let now = null; // the session
  let options = {};
  let beat = null;
  let last = 0;
  let overtime = false;

  /** Begin with these questions; an interview has `timed` and perhaps a `limit` in milliseconds for each question. */
  function begin(slugs, chosen) {
    enter(session.begin(slugs, { again: !chosen.timed }), chosen);
  }

  function enter(opened, chosen) {
    options = chosen;
    now = opened;
    report.hide();
    place.hidden = false;
    place.setAttribute("aria-label", options.timed ? "Mock interview" : "Practice");
    find(".practice__clock").hidden = !options.timed;
    act("pause").hidden = !options.timed;
    act("end").setAttribute("aria-label", options.timed ? "End the interview" : "End the practice");
    status.textContent = "";
    clearInterval(beat);
    last = performance.now();
    if (options.timed) beat = setInterval(tick, TICK);
    turn();
  }

  /** Let the time pass that has passed; a clock that does not jump when somebody sets the computer's. */
  function tick() {
    const moment = performance.now();
    now = session.pass(now, moment - last);
    last = moment;
    if (!options.timed || session.isOver(now)) return;
    const { spent, shown } = session.current(now);
    const limit = options.limit ? ` of ${session.clock(options.limit)}` : "";
    find(".practice__clock").textContent = `${session.clock(spent)}${limit} · in all ${session.clock(now.total)}`;
    const late = Boolean(options.limit) && spent >= options.limit;
    if (late && !overtime && !shown) say(status, "The time for this question is up.");
    overtime = late;
    find(".practice__clock").classList.toggle("practice__clock--over", late);
  }

  /** Write down an interview, so that a reload or a look at another page does not end it. */
  function note(text = session.keep(now, options.limit)) {
    if (!options.timed) return;
    try {
      window.sessionStorage.setItem(UNDER_WAY, text);
    } catch {
      // without storage it is forgotten, as the message on the page says
    }
  }

  /** Return how to go on with an interview that was left, or null. */
  function left() {
    try {
      const kept = session.revive(window.sessionStorage.getItem(UNDER_WAY), bySlug);
      if (!kept) return null;
      const words = `A mock interview is under way: question ${kept.session.index + 1} of ${kept.session.steps.length}.`;
      return { words, resume: () => enter(kept.session, { timed: true, limit: kept.limit }) };
    } catch {
      return null;
    }
  }

  /** Show the question of now, closed or open, and lead the reader to it. */
  function turn() {
    if (session.isOver(now)) return end();
    const question = bySlug.get(session.current(now).slug);
    overtime = false;
    find(".practice__question").replaceChildren(...copyOf(question.nodes));
    const level = question.entry.querySelector(".level").cloneNode(true);
    find(".practice__topic").replaceChildren(question.link.textContent.split(":")[0], " ", level);
    find(".practice__answer").replaceChildren(...copyOf(question.answer), ...copyOf([question.link.parentElement]));
    draw();
    find(session.current(now).shown ? ".practice__answer" : ".practice__question").focus();
    tick();
  }

  function draw() {
    note();
    const { shown, grade: given } = session.current(now);
    const { known, missed } = session.summary(now);
    const tally = now.steps.some((one) => one.grade !== null) ? ` · ${known.length} known · ${missed.length} missed` : "";
    find(".practice__place").textContent = `Question ${now.index + 1} of ${now.steps.length}${tally}`;
    find(".practice__answer").hidden = !shown;
    act("show").hidden = shown;
    for (const [name, value] of [["missed", MISSED], ["knew", KNEW]]) {
      act(name).hidden = !shown;
      if (given === null) act(name).removeAttribute("aria-pressed");
      else act(name).setAttribute("aria-pressed", String(given === value));
    }
    act("back").disabled = now.index === 0 || now.paused;
    act("forward").disabled = now.paused;
    for (const name of ["show", "missed", "knew"]) act(name).disabled = now.paused;
    act("pause").textContent = now.paused ? "Go on" : "Pause";
    place.classList.toggle("practice--paused", now.paused);
  }

  function show() {
    now = session.show(now);
    draw();
    if (session.current(now).shown) find(".practice__answer").focus();
  }

  function give(value) {
    const before = session.current(now);
    const time = Date.now();
    const later = session.grade(now, value, time);
    if (later === now) return;
    now = later;
    grade(before.slug, value, time, before.at);
    const due = inWords(dueAfter(store.reviews().get(before.slug), time), time);
    const back = value === MISSED && !options.timed ? " It comes back at the end." : "";
    say(status, value === KNEW ? `Knew it. It is due again ${due}.` : `Missed.${back || ` It is due again ${due}.`}`);
    turn();
  }

  function move(step) {
    if (now.paused) return;
    const later = step(now);
    if (later === now || (later.index === now.index && !session.isOver(later))) return;
    now = later;
    status.textContent = "";
    turn();
  }

  function end() {
    clearInterval(beat);
    note("");
    const { known, missed } = session.summary(now);
    place.hidden = true;
    if (known.length + missed.length === 0) return close();
    report.show(now, options);
  }

  const acts = {
    show: () => show(),
    missed: () => give(MISSED),
    knew: () => give(KNEW),
    back: () => move(session.back),
    forward: () => move(session.forward),
    end: () => ((now = session.finish(now)), end()),
    pause: () => {
      now = session.pause(now);
      draw();
      say(status, now.paused ? "Paused." : "The clock runs.");
    },
  };
  const perform = (name) => {
    tick();
    acts[name]();
  };
  place.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (button) perform(button.dataset.act);
  });
  listenToKeys(place, { " ": "show", 1: "missed", 2: "knew", ArrowLeft: "back", ArrowRight: "forward" }, (name) => {
    const button = act(name);
    if (!button.hidden && !button.disabled) perform(name);
  });
  window.addEventListener("pagehide", () => {
    if (!now || session.isOver(now)) return;
    tick();
    note();
  });
  return { begin, left };
}
