// Setting up a mock interview: how many questions, from where, how long for each.
import { count, say } from "./dom.js";
import { pick } from "./select.js";

/** Build the form; `start` takes the slugs that chance picked, and the clock. */
export function openInterview({ desk, questions, start, close }) {
  const form = desk.querySelector(".interview");
  const pool = form.querySelector(".interview__pool");
  const fields = form.elements;
  const checked = (name) => [...form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);

  const choice = () => {
    const [sections, levels] = [checked("section"), checked("level")];
    return questions.filter((one) => sections.includes(one.section) && levels.includes(one.level));
  };

  function refresh() {
    const chosen = choice();
    const asked = Math.min(chosen.length, Number(fields.count.value) || 0);
    const none = "No question fits: choose at least one section and one level.";
    say(pool, chosen.length ? `${asked} of ${count(chosen.length, "question")}.` : none);
    form.querySelector("[type=submit]").disabled = chosen.length === 0;
  }

  form.addEventListener("input", refresh);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const slugs = pick(choice(), Number(fields.count.value)).map((one) => one.slug);
    start(slugs, { timed: true, limit: Number(fields.minutes.value) * 60000 });
  });
  form.querySelector("[data-act=close]").addEventListener("click", () => close());

  return {
    open() {
      form.hidden = false;
      refresh();
      form.querySelector("#interview-title").focus();
    },
  };
}
