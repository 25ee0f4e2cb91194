// What is saved of a reader's practice: the log of reviews, question by question. When a question is due follows from
// its log alone, so two logs join without a conflict, and a better scheduler can read an old one. No DOM, no clock.

export const FORMAT = "dlref-practice";
export const VERSION = 1;
export const MISSED = 0;
export const KNEW = 1;

// version → the function that turns the data of that version into those of the next
const MIGRATIONS = {};
const LATEST = 8.64e15; // milliseconds, the last moment that a date can hold
const SLUG = /^[a-z0-9][a-z0-9-]{0,199}$/;

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const show = (value) => (JSON.stringify(value) ?? "missing").slice(0, 40);
const broken = (why) => ({ status: "broken", reviews: new Map(), faults: [why] });

/**
 * Read a saved text. Nothing in it is trusted, and nothing throws.
 *
 * The reviews are a map from a question's slug to its reviews `[time, grade]`, oldest first. The status is "ok";
 * "repaired", where some entries could not be read and the rest is given; "broken", where nothing could; or "newer",
 * where a later version of this page wrote it.
 */
export function parse(text, { migrations = MIGRATIONS, version = VERSION } = {}) {
  if (text === null || text === undefined || text.trim() === "") return { status: "ok", reviews: new Map(), faults: [] };
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return broken(`it is no JSON: ${error.message}`);
  }
  if (!isObject(data)) return broken(`it is ${show(data)}, not an object`);
  if (data.format !== FORMAT) return broken(`its format is ${show(data.format)}, not "${FORMAT}"`);
  if (!Number.isSafeInteger(data.version) || data.version < 1) return broken(`its version is ${show(data.version)}`);
  if (data.version > version) {
    return { status: "newer", reviews: new Map(), faults: [`its version is ${data.version}, this page knows ${version}`] };
  }
  for (let at = data.version; at < version; at += 1) {
    try {
      data = migrations[at](data);
    } catch (error) {
      return broken(`version ${at} cannot be carried over: ${error.message}`);
    }
  }
  if (!isObject(data?.reviews)) return broken(`its reviews are ${show(data?.reviews)}, not an object`);
  return readReviews(data.reviews);
}

function readReviews(entries) {
  const reviews = new Map();
  const faults = [];
  for (const [slug, list] of Object.entries(entries)) {
    if (!SLUG.test(slug) || !Array.isArray(list)) {
      faults.push(`${show(slug)}: ${show(list)} is no list of reviews of a question`);
      continue;
    }
    const sound = list.filter((review) => isReview(review) || !faults.push(`${slug}: ${show(review)} is no review`));
    if (sound.length) reviews.set(slug, sorted(sound));
  }
  return { status: faults.length ? "repaired" : "ok", reviews, faults };
}

function isReview(review) {
  if (!Array.isArray(review) || review.length !== 2) return false;
  const [time, grade] = review;
  return Number.isSafeInteger(time) && time >= 0 && time <= LATEST && (grade === MISSED || grade === KNEW);
}

/** Put reviews in order, one at each moment; the later of two in the list holds. */
function sorted(list) {
  return [...new Map(list.map((review) => [review[0], review])).values()].sort((one, other) => one[0] - other[0]);
}

/** Write the reviews as text, the same text for the same reviews. */
export function serialise(reviews) {
  const entries = [...reviews].filter(([, list]) => list.length).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify({ format: FORMAT, version: VERSION, reviews: Object.fromEntries(entries) });
}

/** Join two logs; what both hold counts once. */
export function merge(one, other) {
  const joined = new Map(one);
  for (const [slug, list] of other) joined.set(slug, sorted([...(joined.get(slug) ?? []), ...list]));
  return joined;
}

/** Carry the reviews of renamed questions over to their new slugs. */
export function follow(reviews, moved) {
  let followed = new Map([...reviews].filter(([slug]) => !moved.has(slug)));
  for (const [slug, list] of reviews) {
    if (moved.has(slug)) followed = merge(followed, new Map([[moved.get(slug), list]]));
  }
  return followed;
}

/**
 * Add a review. It is the last of its question whatever the clock said before: earlier reviews that claim to be of the
 * future are taken as of just now.
 */
export function record(reviews, slug, time, grade) {
  const earlier = reviews.get(slug) ?? [];
  const last = earlier.length;
  const past = earlier.map(([at, was], index) => [Math.max(0, Math.min(at, time - (last - index))), was]);
  return new Map(reviews).set(slug, sorted([...past, [time, grade]]));
}

/** Take one review back. */
export function withdraw(reviews, slug, time) {
  const left = (reviews.get(slug) ?? []).filter(([at]) => at !== time);
  const rest = new Map(reviews);
  if (left.length) rest.set(slug, left);
  else rest.delete(slug);
  return rest;
}
