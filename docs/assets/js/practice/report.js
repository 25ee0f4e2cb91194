// The end of a sitting: what was known, what was missed, how long it took, and where to read on.
import { count, make, say } from "./dom.js";
import * as session from "./session.js";

/** Build the report; `again` practises some questions once more. */
export function openReport({ desk, bySlug, status, close, again }) {
  const place = desk.querySelector(".report");
  const find = (selector) => place.querySelector(selector);
  const area = find(".report__text");
  let text = "";
  let missedSlugs = [];

  const about = (slug) => ({ text: bySlug.get(slug).wording, url: bySlug.get(slug).link.href });

  function list(title, steps, timed) {
    if (!steps.length) return [];
    const items = steps.map((one) => {
      const { text: wording, url } = about(one.slug);
      const time = timed ? [" ", make("span", { className: "report__time" }, session.clock(one.spent))] : [];
      return make("li", {}, make("a", { href: url }, wording), ...time);
    });
    return [make("h3", {}, `${title} (${steps.length})`), make("ul", {}, ...items)];
  }

  function show(now, { timed = false }) {
    const { known, missed, open, total } = session.summary(now);
    const answered = known.length + missed.length;
    missedSlugs = missed.map((one) => one.slug);
    text = session.report(now, about, { timed });
    find("#report-title").textContent = `${timed ? "The interview is over" : "Done"}: ${known.length} of ${answered} known`;
    const left = open.length ? ` ${count(open.length, "question")} left for another time.` : "";
    const time = make("p", {}, `It took ${session.clock(total)}${timed ? ", pauses left out." : "."}${left}`);
    find(".report__body").replaceChildren(
      time,
      ...list("Missed", missed, timed),
      ...list("Known", known, timed),
      ...(timed ? list("Not answered", open, timed) : []),
    );
    find("[data-act=again]").hidden = missed.length === 0;
    area.hidden = true;
    place.hidden = false;
    find("#report-title").focus();
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      say(status, "The report is copied.");
    } catch {
      area.value = text;
      area.hidden = false;
      area.select();
      say(status, "The browser does not let the page copy. The report stands selected below: copy it from there.");
    }
  }

  find("[data-act=again]").addEventListener("click", () => again(missedSlugs));
  find("[data-act=copy]").addEventListener("click", copy);
  find("[data-act=close]").addEventListener("click", () => close());
  return { show, hide: () => (place.hidden = true) };
}
