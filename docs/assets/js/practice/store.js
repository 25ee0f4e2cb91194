// Where the log is kept: localStorage, shared by all tabs. Where that is full, denied or written by others, practice goes
// on in memory, the reader is told, and what was there before stays. The storage is handed in; there is no DOM here.
import { follow, parse, serialise } from "./state.js";

export const KEY = "dlref.practice";
export const ASIDE = "dlref.practice.aside.";

/**
 * Open the log.
 *
 * `storage` is a Storage or null, `moved` maps old slugs to new ones, and `tell(kind, text)` hears what the reader must
 * know; kinds are "aside", "kept", "newer" and "memory", and an empty text takes a kind back.
 */
export function openStore({ storage, moved = new Map(), tell = () => {}, parsing = {} }) {
  let reviews = new Map();
  let waiting = []; // changes that the storage has not taken yet
  let unsaveable = ""; // a text that could be neither read nor put aside

  const apply = (base, changes) => follow(changes.reduce((before, change) => change(before), base), moved);

  /** Read what is saved, and whether it may be written over; `base` is null where nobody can tell what is saved. */
  function saved() {
    if (!storage) return tell("memory", DENIED), { base: null };
    try {
      const text = storage.getItem(KEY);
      const found = parse(text, parsing);
      const newer = found.status === "newer";
      tell("newer", newer ? NEWER : "");
      if (newer) return { base: null };
      const safe = found.status === "ok" || setAside(text, found);
      return { base: found.reviews, writable: safe };
    } catch (error) {
      tell("memory", failure(error));
      return { base: null };
    }
  }

  /** Keep a text that could not be read whole under a key of its own, then put in its place what could. */
  function setAside(text, found) {
    const broken = found.status === "broken";
    const what = broken ? `could not be read: ${found.faults[0]}` : `held ${entries(found.faults.length)} that could not be read`;
    try {
      if (!asides(storage).some((one) => one.text === text)) storage.setItem(freeKey(storage), text);
      storage.setItem(KEY, serialise(found.reviews));
    } catch {
      unsaveable = text;
      tell("kept", `Your saved progress ${what}. It stays as it is, and what you do here is not saved; you can download the old text.`);
      return false;
    }
    unsaveable = "";
    tell("kept", "");
    const rest = broken ? "Practice starts anew" : "The rest is in use";
    tell("aside", `Your saved progress ${what}. ${rest}; the old text is kept, and you can download it.`);
    return true;
  }

  /** Read again what is saved, after another tab has written. */
  function reload() {
    const { base } = saved();
    if (base) reviews = apply(base, waiting);
  }

  /** Change the log: `change` takes the reviews and returns new ones. */
  function commit(change) {
    waiting.push(change);
    const { base, writable } = saved(); // other tabs may have written since
    reviews = base ? apply(base, waiting) : apply(reviews, [change]);
    if (!writable) return;
    try {
      storage.setItem(KEY, serialise(reviews));
      waiting = [];
      tell("memory", "");
    } catch (error) {
      tell("memory", failure(error));
    }
  }

  reload();
  return {
    reviews: () => reviews,
    commit,
    reload,
    kept: () => [...(unsaveable ? [{ key: "", text: unsaveable }] : []), ...asides(storage)],
    forget: (key) => storage.removeItem(key),
  };
}

const NEWER = "Your progress was saved by a newer version of this page. It stays as it is; what you do here is not saved.";
const DENIED = "This browser does not let the page save anything. Practice works, but is forgotten when you leave; export it to keep it.";

function failure(error) {
  const full = error?.name === "QuotaExceededError" || error?.name === "NS_ERROR_DOM_QUOTA_REACHED";
  return full ? "The browser's storage is full. What you do now is forgotten when you leave; export it to keep it." : DENIED;
}

const entries = (count) => (count === 1 ? "one entry" : `${count} entries`);

/** Return the texts put aside, oldest first. */
function asides(storage) {
  try {
    const keys = Array.from({ length: storage?.length ?? 0 }, (_, index) => storage.key(index));
    const ours = keys.filter((key) => key?.startsWith(ASIDE));
    return ours.sort((one, other) => number(one) - number(other)).map((key) => ({ key, text: storage.getItem(key) ?? "" }));
  } catch {
    return [];
  }
}

const number = (key) => Number(key.slice(ASIDE.length)) || 0;
const freeKey = (storage) => ASIDE + (Math.max(0, ...asides(storage).map(({ key }) => number(key))) + 1);
