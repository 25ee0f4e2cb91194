import assert from "node:assert/strict";
import { test } from "node:test";
import { merge, record, serialise } from "../../../docs/assets/js/practice/state.js";
import { ASIDE, KEY, openStore } from "../../../docs/assets/js/practice/store.js";

/** A Storage as browsers have it, with room for so many characters. */
class Shelf {
  constructor(texts = {}, room = Infinity) {
    this.texts = new Map(Object.entries(texts));
    this.room = room;
  }
  get length() { return this.texts.size; }
  key(index) { return [...this.texts.keys()][index] ?? null; }
  getItem(key) { return this.texts.get(key) ?? null; }
  removeItem(key) { this.texts.delete(key); }
  setItem(key, text) {
    const used = [...this.texts].reduce((sum, [name, value]) => sum + (name === key ? 0 : name.length + value.length), 0);
    if (used + key.length + text.length > this.room) throw Object.assign(new Error("full"), { name: "QuotaExceededError" });
    this.texts.set(key, text);
  }
}

function open(storage, more = {}) {
  const told = new Map();
  const tell = (kind, text) => (text ? told.set(kind, text) : told.delete(kind));
  return { store: openStore({ storage, tell, ...more }), told };
}

const text = (reviews, version = 1) => JSON.stringify({ format: "dlref-practice", version, reviews });
const log = (store) => Object.fromEntries(store.reviews());
const knew = (slug, time) => (reviews) => record(reviews, slug, time, 1);

test("a review is saved at once, and another visit finds it", () => {
  const shelf = new Shelf();
  const { store, told } = open(shelf);
  store.commit(knew("a", 5));
  assert.equal(shelf.getItem(KEY), text({ a: [[5, 1]] }));
  assert.deepEqual(log(open(shelf).store), { a: [[5, 1]] });
  assert.equal(told.size, 0);
});

test("a visit alone writes nothing", () => {
  const shelf = new Shelf();
  open(shelf);
  assert.equal(shelf.length, 0);
});

test("two tabs keep each other's reviews", () => {
  const shelf = new Shelf();
  const [one, other] = [open(shelf).store, open(shelf).store];
  one.commit(knew("a", 5));
  other.commit(knew("b", 6));
  one.commit(knew("c", 7));
  assert.deepEqual(log(one), { a: [[5, 1]], b: [[6, 1]], c: [[7, 1]] });
  other.reload();
  assert.deepEqual(log(other), log(one));
});

test("what one tab deletes the other does not bring back", () => {
  const shelf = new Shelf();
  const [one, other] = [open(shelf).store, open(shelf).store];
  one.commit(knew("a", 5));
  other.reload();
  one.commit(() => new Map());
  other.commit(knew("b", 6));
  assert.deepEqual(log(other), { b: [[6, 1]] });
});

for (const [name, bad, rest, words] of [
  ["broken", "{nonsense", {}, /could not be read: it is no JSON.*Practice starts anew/],
  ["repaired", text({ a: [[5, 1]], b: "x" }), { a: [[5, 1]] }, /held one entry that could not be read\. The rest is in use/],
]) {
  test(`a ${name} text is put aside whole, and said`, () => {
    const shelf = new Shelf({ [KEY]: bad });
    const { store, told } = open(shelf);
    assert.deepEqual(log(store), rest);
    assert.equal(shelf.getItem(`${ASIDE}1`), bad);
    assert.match(told.get("aside"), words);
    assert.deepEqual(store.kept(), [{ key: `${ASIDE}1`, text: bad }]);
    const again = open(shelf);
    assert.equal(again.told.size, 0); // it is said once,
    assert.equal(again.store.kept().length, 1); // and kept until the reader deletes it
    again.store.forget(`${ASIDE}1`);
    assert.deepEqual(again.store.kept(), []);
  });
}

test("a second broken text does not take the place of the first, nor the same text two places", () => {
  const shelf = new Shelf({ [KEY]: "{one" });
  open(shelf);
  for (const bad of ["{two", "{two", "{one"]) {
    shelf.setItem(KEY, bad);
    open(shelf);
  }
  assert.deepEqual(open(shelf).store.kept().map((one) => one.text), ["{one", "{two"]);
});

test("a text that breaks while the page is open is put aside too", () => {
  const shelf = new Shelf();
  const { store, told } = open(shelf);
  store.commit(knew("a", 5));
  shelf.setItem(KEY, "rubbish");
  store.commit(knew("b", 6));
  assert.equal(shelf.getItem(`${ASIDE}1`), "rubbish");
  assert.deepEqual(log(store), { b: [[6, 1]] });
  assert.match(told.get("aside"), /could not be read/);
});

test("where there is no room to put it aside, the old text stays and is offered", () => {
  const bad = text({ a: [[5, 1]], b: "x".repeat(50) });
  const shelf = new Shelf({ [KEY]: bad }, bad.length + KEY.length + 10);
  const { store, told } = open(shelf);
  assert.deepEqual(log(store), { a: [[5, 1]] });
  store.commit(knew("c", 6));
  assert.deepEqual(log(store), { a: [[5, 1]], c: [[6, 1]] });
  assert.equal(shelf.getItem(KEY), bad);
  assert.match(told.get("kept"), /stays as it is/);
  assert.deepEqual(store.kept(), [{ key: "", text: bad }]);
});

test("a newer version's text is not written over", () => {
  const newer = text({ a: [[5, 1]] }, 2);
  const shelf = new Shelf({ [KEY]: newer });
  const { store, told } = open(shelf);
  store.commit(knew("b", 6));
  assert.deepEqual(log(store), { b: [[6, 1]] });
  assert.equal(shelf.getItem(KEY), newer);
  assert.match(told.get("newer"), /newer version/);
  assert.deepEqual(store.kept(), []);
});

test("an older version's text becomes one of today", () => {
  const migrations = { 1: ({ reviews, ...rest }) => ({ ...rest, reviews: Object.fromEntries(reviews.map((slug) => [slug, [[1, 1]]])) }) };
  const shelf = new Shelf({ [KEY]: text(["a"]) });
  const { store, told } = open(shelf, { parsing: { migrations, version: 2 } });
  assert.deepEqual(log(store), { a: [[1, 1]] });
  store.commit(knew("b", 6));
  assert.deepEqual(log(store), { a: [[1, 1]], b: [[6, 1]] });
  assert.equal(told.size, 0);
});

test("a full storage is said, and what was done meanwhile is saved once there is room", () => {
  const shelf = new Shelf({}, 20);
  const { store, told } = open(shelf);
  store.commit(knew("a", 5));
  store.commit(knew("b", 6));
  assert.deepEqual(log(store), { a: [[5, 1]], b: [[6, 1]] });
  assert.match(told.get("memory"), /storage is full/);
  shelf.room = Infinity;
  shelf.setItem(KEY, text({ z: [[1, 1]] })); // another tab
  store.reload();
  store.commit(knew("c", 7));
  assert.equal(shelf.getItem(KEY), text({ a: [[5, 1]], b: [[6, 1]], c: [[7, 1]], z: [[1, 1]] }));
  assert.equal(told.has("memory"), false);
});

test("a denied storage is said, and practice goes on in memory", () => {
  const throws = new Proxy({}, { get: () => { throw Object.assign(new Error("denied"), { name: "SecurityError" }); } });
  for (const storage of [null, throws]) {
    const { store, told } = open(storage);
    store.commit(knew("a", 5));
    store.commit(knew("b", 6));
    assert.deepEqual(log(store), { a: [[5, 1]], b: [[6, 1]] });
    assert.match(told.get("memory"), /does not let the page save/);
    assert.deepEqual(store.kept(), []);
  }
});

test("reviews follow renamed questions, those of an imported file too; unknown ones stay", () => {
  const shelf = new Shelf({ [KEY]: text({ old: [[1, 0]], gone: [[2, 1]] }) });
  const { store } = open(shelf, { moved: new Map([["old", "new"], ["older", "new"]]) });
  assert.deepEqual(log(store), { gone: [[2, 1]], new: [[1, 0]] });
  store.commit((reviews) => merge(reviews, new Map([["older", [[0, 1]]]])));
  assert.deepEqual(log(store), { gone: [[2, 1]], new: [[0, 1], [1, 0]] });
  assert.equal(shelf.getItem(KEY), serialise(store.reviews()));
});
