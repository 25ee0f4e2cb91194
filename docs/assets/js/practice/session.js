// One sitting: a row of steps, each a question that is first read, then opened, then graded. No DOM, no clock: the time
// comes from outside. Every function returns a new session.
import { KNEW, MISSED } from "./state.js";

const step = (slug) => ({ slug, shown: false, grade: null, at: null, spent: 0 });

/** Begin; with `again`, a question that is missed comes back at the end until it is known. */
export function begin(slugs, { again = true } = {}) {
  return { steps: slugs.map(step), index: 0, again, paused: false, total: 0 };
}

export const current = (session) => session.steps[session.index];
export const isOver = (session) => session.index >= session.steps.length;

function change(session, values) {
  const steps = session.steps.map((one, index) => (index === session.index ? { ...one, ...values } : one));
  return { ...session, steps };
}

/** Open the answer. */
export function show(session) {
  return isOver(session) || session.paused ? session : change(session, { shown: true });
}

/** Grade the open question and go on; a grade given before is replaced. */
export function grade(session, value, time) {
  const here = current(session);
  if (isOver(session) || session.paused || !here.shown) return session;
  const graded = change(session, { grade: value, at: time });
  const later = graded.steps.findIndex((one, index) => index > session.index && one.slug === here.slug);
  const untouched = later !== -1 && graded.steps[later].grade === null;
  if (session.again && value === MISSED && later === -1) graded.steps.push(step(here.slug));
  if (session.again && value === KNEW && untouched) graded.steps.splice(later, 1);
  return forward(graded);
}

/** Go to the next question, or past the last one. */
export function forward(session) {
  return session.paused ? session : { ...session, index: Math.min(session.index + 1, session.steps.length) };
}

/** Go to the question before. */
export function back(session) {
  return session.paused ? session : { ...session, index: Math.max(session.index - 1, 0) };
}

/** Stop the clock, or start it again. */
export function pause(session, paused = !session.paused) {
  return { ...session, paused };
}

/** Go past the last question. */
export function finish(session) {
  return { ...session, paused: false, index: session.steps.length };
}

/** Let time pass, in milliseconds: the sitting's, and that of the question until its answer is open. */
export function pass(session, spent) {
  if (session.paused || isOver(session) || !(spent > 0)) return session;
  const here = current(session);
  const later = { ...session, total: session.total + spent };
  return here.shown ? later : change(later, { spent: here.spent + spent });
}

/** Write down an interview, to go on with it after the page was left. */
export const keep = (session, limit) => JSON.stringify({ ...session, limit });

/** Read an interview that was written down; null unless all of it holds and asks questions that are `known`. */
export function revive(text, known) {
  try {
    const { steps, index, total, limit } = JSON.parse(text);
    const isTime = (value) => Number.isFinite(value) && value >= 0;
    const isStep = ({ slug, shown, grade: given, at, spent }) =>
      known.has(slug) && typeof shown === "boolean" && [null, MISSED, KNEW].includes(given) && isTime(at ?? 0) && isTime(spent);
    const holds = steps.every(isStep) && index >= 0 && index in steps && isTime(total) && isTime(limit);
    return holds ? { session: { steps, index, again: false, paused: false, total }, limit } : null;
  } catch {
    return null;
  }
}

/** Sum up: the questions by their first grade in this sitting, and what was left open. */
export function summary(session) {
  const first = new Map();
  for (const one of session.steps) if (!first.has(one.slug)) first.set(one.slug, one);
  const steps = [...first.values()];
  return {
    known: steps.filter((one) => one.grade === KNEW),
    missed: steps.filter((one) => one.grade === MISSED),
    open: steps.filter((one) => one.grade === null),
    total: session.total,
  };
}

/** Write a time as minutes and seconds. */
export function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Write the report of a sitting as plain text; `about` gives a question's wording and address. */
export function report(session, about, { timed = true } = {}) {
  const { known, missed, open, total } = summary(session);
  const lines = (title, steps) =>
    steps.length ? ["", `${title} (${steps.length})`, ...steps.map((one) => line(one, about(one.slug)))] : [];
  return [
    `${timed ? "Mock interview" : "Practice"}: ${known.length} of ${known.length + missed.length} known, in ${clock(total)}`,
    ...lines("Missed", missed),
    ...lines("Known", known),
    ...(timed ? lines("Not answered", open) : []),
    "",
  ].join("\n");
}

const line = (one, { text, url }) => `- ${text} ${clock(one.spent)}\n  ${url}`;
