// When a question comes back: FSRS, as Anki schedules, in the package ts-fsrs 5.4.2 of npm. A question that was missed comes back in
// ten minutes; one that was known, when the odds of still knowing it have fallen to nine in ten.
import { createEmptyCard, fsrs, Rating } from "../vendor/ts-fsrs/index.mjs";
import { KNEW, MISSED } from "./state.js";

const SCHEDULER = fsrs({
  enable_fuzz: false, // chance has no part in it
  learning_steps: ["10m"],
  relearning_steps: ["10m"],
  maximum_interval: 365,
  request_retention: 0.9,
});
const DAY = 24 * 60 * 60 * 1000;

/** Return the first moment of the next day, where the reader is. */
export function endOfDay(now) {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
}

/**
 * Say how a question stands: seen, missed the last time, due today, and when it is due.
 *
 * A log that ends in the future was written under a wrong clock; nobody knows when it was, so the question is due.
 */
export function standing(list, now) {
  if (!list?.length) return { seen: false, missed: false, due: false, at: null };
  const [last, grade] = list[list.length - 1];
  const at = dueAfter(list, now);
  return { seen: true, missed: grade === MISSED, due: at < endOfDay(now) || last > now + DAY, at };
}

/** Return when a question with these reviews is due, in milliseconds. */
export function dueAfter(list, now) {
  let card = createEmptyCard(new Date(Math.min(list[0][0], now)));
  for (const [time, grade] of list) {
    const rating = grade === KNEW ? Rating.Good : Rating.Again;
    card = SCHEDULER.next(card, new Date(Math.min(time, now)), rating).card;
  }
  return card.due.getTime();
}

/** Say how far off a moment is: "in 10 minutes", "tomorrow", "in 3 days". */
export function inWords(at, now) {
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const minutes = Math.max(1, Math.round((at - now) / 60000));
  if (at < endOfDay(now)) return minutes < 60 ? words.format(minutes, "minute") : words.format(Math.round(minutes / 60), "hour");
  const days = Math.round((endOfDay(at) - endOfDay(now)) / DAY);
  return days < 60 ? words.format(days, "day") : words.format(Math.round(days / 30), "month");
}
