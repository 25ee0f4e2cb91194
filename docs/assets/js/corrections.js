// Shows the corrections that pass a filter. Without it the page is the whole list.
import { passes } from "./practice/select.js";

const form = document.querySelector(".correction-filter");
const said = form.querySelector("output");
const entries = [...document.querySelectorAll(".correction")].map((box) => ({
  box,
  page: box.dataset.page,
  section: box.dataset.page.split("/")[0],
  level: box.dataset.level,
  text: box.textContent.toLowerCase(),
}));
const names = ["text", "section", "level"];

const show = () => {
  const filter = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
  let count = 0;
  for (const entry of entries) {
    const kept = passes(entry, filter, {});
    entry.box.hidden = !kept;
    count += kept;
  }
  for (const section of document.querySelectorAll("section.corrections")) {
    section.hidden = !section.querySelector(".correction:not([hidden])");
  }
  said.value = count === 1 ? "1 correction" : `${count || "no"} corrections`;
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
  history.replaceState(history.state, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
};

const asked = new URLSearchParams(location.search);
for (const name of names) {
  form.elements[name].value = asked.get(name) ?? "";
  if (form.elements[name].selectedIndex === -1) form.elements[name].value = ""; // a section that is not there
}
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
form.parentElement.hidden = false;
if (names.some((name) => form.elements[name].value)) show();
