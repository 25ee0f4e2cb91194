import assert from "node:assert/strict";
import { test } from "node:test";
import { KNEW, MISSED, follow, merge, parse, record, serialise, withdraw } from "../../../docs/assets/js/practice/state.js";

const saved = (reviews, more = {}) => JSON.stringify({ format: "dlref-practice", version: 1, reviews, ...more });
const log = (reviews) => Object.fromEntries(reviews);

test("what is written is read back, the same text for the same log", () => {
  const reviews = new Map([["b", [[5, MISSED], [9, KNEW]]], ["a", [[7, KNEW]]]]);
  const text = serialise(reviews);
  assert.deepEqual(log(parse(text).reviews), log(reviews));
  assert.equal(parse(text).status, "ok");
  assert.equal(serialise(new Map([...reviews].reverse())), text);
  assert.equal(text, saved({ a: [[7, 1]], b: [[5, 0], [9, 1]] }));
});

test("nothing saved is an empty log", () => {
  for (const text of [null, undefined, "", " \n"]) assert.deepEqual([parse(text).status, parse(text).reviews.size], ["ok", 0]);
});

const BROKEN = {
  "no JSON": "{",
  "cut short": saved({ a: [[7, 1]] }).slice(0, -3),
  "a null": "null",
  "a number": "12",
  "a string": '"dlref-practice"',
  "a list": "[]",
  "another program's": '{"cards": {}}',
  "another format": saved({}, { format: "anki" }),
  "no version": '{"format": "dlref-practice", "reviews": {}}',
  "version zero": saved({}, { version: 0 }),
  "half a version": saved({}, { version: 1.5 }),
  "a version in words": saved({}, { version: "1" }),
  "reviews null": saved(null),
  "reviews a list": saved([]),
  "reviews a text": saved("x"),
  "binary": "\u0000\u0001\ufffd",
};
for (const [name, text] of Object.entries(BROKEN)) {
  test(`broken: ${name}`, () => {
    const found = parse(text);
    assert.equal(found.status, "broken");
    assert.equal(found.reviews.size, 0);
    assert.equal(found.faults.length, 1);
    assert.match(found.faults[0], /^it(s| is| cannot)?/);
  });
}

const BAD = {
  "a list of nothing sound": [["x"]],
  "a null": null,
  "an object": { 0: [1, 1] },
  "a time in words": [["7", 1]],
  "half a millisecond": [[7.5, 1]],
  "before the beginning": [[-1, 1]],
  "after the end": [[8.64e15 + 1, 1]],
  "a grade of two": [[7, 2]],
  "a grade of true": [[7, true]],
  "too short": [[7]],
  "too long": [[7, 1, 1]],
};
for (const [name, list] of Object.entries(BAD)) {
  test(`repaired: ${name}`, () => {
    const found = parse(saved({ bad: list, good: [[7, 1]] }));
    assert.equal(found.status, "repaired");
    assert.deepEqual(log(found.reviews), { good: [[7, 1]] });
    assert.match(found.faults.join(), /bad/);
  });
}

test("names that are none are left out, whatever they would do to an object", () => {
  const text = saved({}).replace('"reviews":{}', '"reviews":{"__proto__":[[1,1]],"A B":[[1,1]],"":[[1,1]],"constructor":[[1,1]]}');
  const found = parse(text);
  assert.deepEqual([...found.reviews.keys()], ["constructor"]);
  assert.equal(found.faults.length, 3);
  assert.deepEqual(log(parse(serialise(found.reviews)).reviews), { constructor: [[1, 1]] });
});

test("of a list the sound reviews stay, in order, one at a moment", () => {
  const found = parse(saved({ a: [[9, 1], "x", [5, 0], [9, 0]] }));
  assert.deepEqual(log(found.reviews), { a: [[5, 0], [9, 0]] });
  assert.equal(found.faults.length, 1);
});

test("any text at all is read without an error", () => {
  const whole = saved({ a: [[7, 1], [9, 0]], b: [[5, 1]] });
  for (let at = 0; at < whole.length; at += 1) {
    for (const put of ["", "0", '"', "[", "}", "null", "-", "e9"]) {
      const found = parse(whole.slice(0, at) + put + whole.slice(at + 1));
      for (const list of found.reviews.values()) for (const [time, grade] of list) assert.ok(time >= 0 && (grade === 0 || grade === 1));
      if (found.status === "ok") assert.equal(found.faults.length, 0);
      else assert.ok(found.faults.length > 0);
    }
  }
});

test("a newer version is not touched", () => {
  const found = parse(saved({ a: [[7, 1]] }, { version: 2 }));
  assert.deepEqual([found.status, found.reviews.size], ["newer", 0]);
});

test("an older version is carried over, step by step", () => {
  const migrations = {
    1: ({ reviews, ...rest }) => ({ ...rest, known: Object.keys(reviews) }),
    2: ({ known, ...rest }) => ({ ...rest, reviews: Object.fromEntries(known.map((slug) => [slug, [[1, 1]]])) }),
  };
  const found = parse(saved({ a: [], b: [] }), { migrations, version: 3 });
  assert.deepEqual([found.status, log(found.reviews)], ["ok", { a: [[1, 1]], b: [[1, 1]] }]);
  assert.equal(parse(saved({}), { migrations: {}, version: 2 }).status, "broken");
  assert.equal(parse(saved({}), { migrations: { 1: () => null }, version: 2 }).status, "broken");
  const fails = () => { throw new Error("no cards"); };
  assert.match(parse(saved({}), { migrations: { 1: fails }, version: 2 }).faults[0], /version 1 cannot be carried over: no cards/);
});

test("two logs join to the same log, whoever comes first and however often", () => {
  const one = new Map([["a", [[1, 0], [3, 1]]], ["b", [[2, 1]]]]);
  const other = new Map([["a", [[2, 1], [3, 1]]], ["c", [[9, 0]]]]);
  const both = merge(one, other);
  assert.deepEqual(log(both), { a: [[1, 0], [2, 1], [3, 1]], b: [[2, 1]], c: [[9, 0]] });
  assert.equal(serialise(merge(other, one)), serialise(both));
  assert.equal(serialise(merge(both, other)), serialise(both));
  assert.deepEqual(log(one), { a: [[1, 0], [3, 1]], b: [[2, 1]] });
});

test("reviews follow a renamed question and join those under the new name", () => {
  const reviews = new Map([["old", [[1, 0]]], ["new", [[2, 1]]], ["gone", [[3, 1]]]]);
  assert.deepEqual(log(follow(reviews, new Map([["old", "new"]]))), { new: [[1, 0], [2, 1]], gone: [[3, 1]] });
});

test("a review is the last of its question, even when the clock was set back", () => {
  const later = record(new Map([["a", [[5, 0], [9000, 1], [9500, 1]]]]), "a", 100, MISSED);
  assert.deepEqual(log(later), { a: [[5, 0], [98, 1], [99, 1], [100, 0]].filter(Boolean) });
  assert.deepEqual(record(new Map(), "a", 7, KNEW).get("a"), [[7, 1]]);
});

test("a review that was taken back is gone, and nothing else", () => {
  const reviews = new Map([["a", [[5, 0], [9, 1]]], ["b", [[9, 1]]]]);
  assert.deepEqual(log(withdraw(reviews, "a", 9)), { a: [[5, 0]], b: [[9, 1]] });
  assert.deepEqual(log(withdraw(reviews, "b", 9)), { a: [[5, 0], [9, 1]] });
  assert.deepEqual(log(withdraw(reviews, "c", 9)), log(reviews));
});
