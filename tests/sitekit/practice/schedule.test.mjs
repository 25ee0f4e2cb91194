import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { FSRSVersion } from "../../../docs/assets/js/vendor/ts-fsrs/index.mjs";
import { dueAfter, endOfDay, inWords, standing } from "../../../docs/assets/js/practice/schedule.js";

process.env.TZ = "Europe/Berlin"; // where clocks change twice a year
const NOW = new Date(2026, 2, 10, 12, 0).getTime();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test("a new question is neither seen nor due", () => {
  for (const list of [undefined, []]) assert.deepEqual(standing(list, NOW), { seen: false, missed: false, due: false, at: null });
});

test("what was missed comes back in ten minutes", () => {
  assert.equal(dueAfter([[NOW, 0]], NOW), NOW + 10 * MINUTE);
  assert.deepEqual(standing([[NOW, 0]], NOW), { seen: true, missed: true, due: true, at: NOW + 10 * MINUTE });
});

test("what was known comes back after days, and each time later", () => {
  const list = [[NOW, 1]];
  const gaps = [];
  for (let round = 0; round < 4; round += 1) {
    const [last] = list[list.length - 1];
    const at = dueAfter(list, last);
    gaps.push(Math.round((at - last) / DAY));
    list.push([at, 1]);
  }
  assert.ok(gaps[0] >= 2 && gaps[0] <= 4, String(gaps)); // FSRS-6 by default: the odds fall to nine in ten after 2.3 days
  assert.ok(gaps.every((gap, index) => index === 0 || gap > gaps[index - 1]), String(gaps));
  assert.ok(gaps.at(-1) <= 365);
});

test("a miss after a long time starts anew, but not from nothing", () => {
  const known = [[NOW - 60 * DAY, 1], [NOW - 57 * DAY, 1], [NOW - 40 * DAY, 1]];
  assert.equal(standing([...known, [NOW, 0]], NOW).missed, true);
  const after = (list) => dueAfter([...list, [NOW, 0], [NOW + 10 * MINUTE, 1]], NOW + 10 * MINUTE);
  assert.ok(after(known) >= after([]));
});

test("due is counted by days, where the reader is", () => {
  const list = [[NOW, 1]];
  const at = dueAfter(list, NOW);
  const morning = new Date(at);
  morning.setHours(0, 1, 0, 0);
  assert.equal(standing(list, morning.getTime()).due, true); // the morning of that day, before the hour
  assert.equal(standing(list, morning.getTime() - 2 * MINUTE).due, false); // the evening before
});

test("a log under a clock that ran ahead is due, and does no harm", () => {
  for (const ahead of [[[NOW + 900 * DAY, 1]], [[8.64e15, 1]], [[0, 1], [8.64e15, 0], [8.64e15, 1]]]) {
    const { due, at } = standing(ahead, NOW);
    assert.equal(due, true);
    assert.ok(Number.isFinite(at) && at < NOW + 400 * DAY);
  }
  assert.equal(standing([[NOW + MINUTE, 1]], NOW).due, false); // two machines, a minute apart
});

test("the same log gives the same day", () => {
  const list = [[NOW - 9 * DAY, 0], [NOW - 8 * DAY, 1], [NOW - 3 * DAY, 1]];
  assert.equal(new Set(Array.from({ length: 20 }, () => dueAfter(list, NOW))).size, 1);
  const shifted = (by) => dueAfter(list.map(([time, grade]) => [time + by, grade]), NOW + by) - by;
  assert.equal(new Set(Array.from({ length: 20 }, (_, by) => shifted(by))).size, 1); // chance has no part in it
});

test("how far off a moment is", () => {
  assert.equal(inWords(NOW + 10 * MINUTE, NOW), "in 10 minutes");
  assert.equal(inWords(NOW - 5, NOW), "in 1 minute");
  assert.equal(inWords(NOW + 150 * MINUTE, NOW), "in 3 hours");
  assert.equal(inWords(NOW + 13 * 60 * MINUTE, NOW), "tomorrow");
  assert.equal(inWords(NOW + 3 * DAY, NOW), "in 3 days");
  assert.equal(inWords(NOW + 90 * DAY, NOW), "in 3 months");
});

test("a day ends at midnight, when the clocks change too", () => {
  for (let day = 0; day < 365; day += 1) {
    const end = new Date(endOfDay(new Date(2026, 0, 1 + day, 13).getTime()));
    assert.equal(end.getTime(), new Date(2026, 0, 2 + day).getTime());
  }
});

test("the scheduler is the release that the script names", () => {
  const script = readFileSync(new URL("../../../docs/assets/js/practice/schedule.js", import.meta.url), "utf-8");
  const [, version] = /ts-fsrs (\d+\.\d+\.\d+) of npm/.exec(script);
  assert.ok(FSRSVersion.startsWith(`v${version} `), FSRSVersion);
});
