import assert from "node:assert/strict";
import { test } from "node:test";
import * as select from "../../../docs/assets/js/practice/select.js";
import * as session from "../../../docs/assets/js/practice/session.js";
import { KNEW, MISSED } from "../../../docs/assets/js/practice/state.js";

const question = (slug, page, level) => ({ slug, page, section: page.split("/")[0], level, text: `what is ${slug}?` });
const ALL = [question("one", "a/x", "core"), question("two", "a/y", "advanced"), question("three", "b/z", "core")];
const NEW = { seen: false, missed: false, due: false, at: null };
const passing = (filter, standing = NEW) => ALL.filter((one) => select.passes(one, filter, standing)).map((one) => one.slug);

test("the filter: text, section or page, level", () => {
  assert.deepEqual(passing({}), ["one", "two", "three"]);
  assert.deepEqual(passing({ text: " T  WHAT" }), ["one", "two", "three"]);
  assert.deepEqual(passing({ text: "two" }), ["two"]);
  assert.deepEqual(passing({ text: "two zebra" }), []);
  assert.deepEqual(passing({ section: "a" }), ["one", "two"]);
  assert.deepEqual(passing({ section: "a/y" }), ["two"]);
  assert.deepEqual(passing({ section: "a", level: "core" }), ["one"]);
  assert.deepEqual(passing({ section: "toString" }), []);
});

test("the filter: progress", () => {
  const missed = { seen: true, missed: true, due: false, at: 1 };
  assert.deepEqual(["new", "seen", "missed", "due"].map((progress) => passing({ progress }).length), [3, 0, 0, 0]);
  assert.deepEqual(["new", "seen", "missed", "due"].map((progress) => passing({ progress }, missed).length), [0, 3, 3, 0]);
});

test("practice begins with what is due longest, then what is new, then what can wait", () => {
  const standings = new Map([
    ["one", { seen: true, due: false, at: 50 }],
    ["two", NEW],
    ["three", { seen: true, due: true, at: 9 }],
    ["four", { seen: true, due: true, at: 5 }],
  ]);
  const row = select.inOrder([...ALL, question("four", "b/z", "core")], standings);
  assert.deepEqual(row.map((one) => one.slug), ["four", "three", "two", "one"]);
});

test("chance picks each question at most once, and every one in time", () => {
  const numbers = [...Array(30).keys()];
  let state = 1;
  const random = () => (state = (state * 16807) % 2147483647) / 2147483647;
  const seen = new Set();
  for (let round = 0; round < 60; round += 1) {
    const picked = select.pick(numbers, 7, random);
    assert.equal(new Set(picked).size, 7);
    picked.forEach((number) => seen.add(number));
  }
  assert.equal(seen.size, 30);
  assert.equal(select.pick(numbers, 99, random).length, 30);
  assert.deepEqual(select.pick([1, 2, 3], 3, () => 0.999), [1, 2, 3]); // a question may keep its place
  assert.deepEqual(select.pick([], 3, random), []);
  assert.deepEqual(numbers, [...Array(30).keys()]);
});

test("an address carries a filter and a start", () => {
  const filter = { text: "", section: "training", level: "", progress: "due" };
  assert.deepEqual(select.fromQuery("?practice=due&section=training"), { filter, start: "practice" });
  assert.equal(select.fromQuery("?practice=all").start, "practice");
  assert.equal(select.fromQuery("?practice=interview").start, "interview");
  assert.deepEqual(select.fromQuery("?practice=__proto__&x=%E0%A4%A"), { filter: { ...filter, section: "", progress: "" }, start: "" });
  assert.equal(select.toQuery({ ...filter, text: "a&b" }, "?h=x&practice=all&level=core"), "?h=x&text=a%26b&section=training&progress=due");
  assert.equal(select.toQuery({}, "?text=x"), "");
});

/** Open and grade the questions of a session, one after the other. */
const run = (start, ...grades) => grades.reduce((now, grade, index) => session.grade(session.show(now), grade, index + 1), start);
const slugs = (now) => now.steps.map((one) => one.slug);

test("what was missed comes back at the end until it is known", () => {
  let now = run(session.begin(["a", "b"]), MISSED, KNEW);
  assert.deepEqual(slugs(now), ["a", "b", "a"]);
  assert.equal(session.current(now).shown, false);
  now = run(now, MISSED, KNEW);
  assert.deepEqual(slugs(now), ["a", "b", "a", "a"]);
  assert.equal(session.isOver(now), true);
  const { known, missed, open } = session.summary(now);
  assert.deepEqual([known.length, missed.length, open.length], [1, 1, 0]);
});

test("a closed question takes no grade, and nothing happens past the end", () => {
  const now = session.begin(["a"]);
  assert.equal(session.grade(now, KNEW, 1), now);
  const over = run(now, KNEW);
  assert.equal(session.grade(over, KNEW, 2), over);
  assert.equal(session.show(over), over);
  assert.equal(session.forward(over).index, 1);
  assert.equal(session.back(now).index, 0);
  assert.equal(session.pass(over, 5), over);
  assert.equal(session.isOver(session.begin([])), true);
});

test("a grade can be changed, and the question does not come back twice", () => {
  let now = session.back(run(session.begin(["a", "b"]), MISSED));
  now = session.grade(now, KNEW, 9);
  assert.deepEqual(slugs(now), ["a", "b"]);
  assert.deepEqual([now.steps[0].grade, now.steps[0].at, now.index], [KNEW, 9, 1]);
  now = session.grade(session.back(session.grade(session.back(now), MISSED, 10)), MISSED, 11);
  assert.deepEqual(slugs(now), ["a", "b", "a"]);
});

test("an interview asks once", () => {
  const now = run(session.begin(["a", "b"], { again: false }), MISSED, KNEW);
  assert.deepEqual(slugs(now), ["a", "b"]);
  assert.equal(session.isOver(now), true);
});

test("the clock counts a question until it is opened, and nothing while it is paused", () => {
  let now = session.pass(session.begin(["a", "b"], { again: false }), 3000);
  now = session.pass(session.show(now), 2000);
  const paused = session.pause(now);
  assert.equal(session.pass(paused, 60_000), paused);
  assert.equal(session.grade(paused, KNEW, 1), paused);
  assert.equal(session.forward(paused), paused);
  assert.equal(session.back(paused), paused);
  now = session.pass(session.pass(session.pause(paused), -5), NaN);
  assert.deepEqual([now.total, now.steps[0].spent, now.steps[1].spent], [5000, 3000, 0]);
  now = session.pass(session.grade(now, KNEW, 1), 61_000);
  assert.deepEqual([now.total, now.steps[1].spent], [66_000, 61_000]);
  assert.deepEqual([session.clock(0), session.clock(59_999), session.clock(61_000), session.clock(3_600_000)], ["0:00", "0:59", "1:01", "60:00"]);
});

test("an interview is written down and read back, and nothing else is taken for one", () => {
  let now = session.pass(session.begin(["a", "b"], { again: false }), 1500);
  now = session.pass(run(now, MISSED), 700);
  const known = new Map([["a", 1], ["b", 2]]);
  const text = session.keep(now, 60_000);
  assert.deepEqual(session.revive(text, known), { session: now, limit: 60_000 });
  assert.deepEqual(session.revive(session.keep(session.pause(now), 0), known).session, now);
  assert.equal(session.revive(text, new Map([["a", 1]])), null); // a question that is gone
  assert.equal(session.revive(session.keep(session.finish(now), 0), known), null);
  const whole = JSON.parse(text);
  const bad = [
    null, "", "{", "null", "[]", { ...whole, steps: null }, { ...whole, steps: [] }, { ...whole, steps: [null] }, { ...whole, index: -1 },
    { ...whole, index: "length" }, { ...whole, total: "1" }, { ...whole, limit: null }, { ...whole, limit: -1 },
    ...[["shown", 1], ["grade", 2], ["at", "x"], ["spent", null], ["spent", -1], ["slug", "toString"]].map(([name, value]) => ({
      ...whole,
      steps: [{ ...whole.steps[0], [name]: value }, whole.steps[1]],
    })),
  ];
  for (const one of bad) assert.equal(session.revive(typeof one === "object" && one ? JSON.stringify(one) : one, known), null, JSON.stringify(one));
});

test("the report says what was known, missed and left", () => {
  let now = session.pass(session.begin(["a", "b", "c"], { again: false }), 65_000);
  now = session.finish(run(now, MISSED, KNEW));
  const about = (slug) => ({ text: `What is ${slug}?`, url: `https://x/#${slug}` });
  assert.equal(
    session.report(now, about),
    "Mock interview: 1 of 2 known, in 1:05\n\nMissed (1)\n- What is a? 1:05\n  https://x/#a\n\n" +
      "Known (1)\n- What is b? 0:00\n  https://x/#b\n\nNot answered (1)\n- What is c? 0:00\n  https://x/#c\n",
  );
});
