// Filter the index of questions by text, level and section; without this script the page is the whole list.
(() => {
  const form = document.querySelector(".question-filter");
  if (!form || !form.hidden) return;
  const sections = [...document.querySelectorAll("section[data-section]")];
  const entries = sections.flatMap((section) =>
    [...section.querySelectorAll(".question-entry")].map((entry) => ({
      entry,
      section: section.dataset.section,
      level: entry.dataset.level,
      text: entry.textContent.toLowerCase(),
    })),
  );
  const show = (element, visible) => (element.style.display = visible ? "" : "none");
  const { text, level, section } = form.elements;

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const item of entries) {
      const visible =
        (!level.value || item.level === level.value) &&
        (!section.value || item.section === section.value) &&
        words.every((word) => item.text.includes(word));
      show(item.entry, visible);
      count += visible;
    }
    for (const part of sections) {
      show(part, [...part.querySelectorAll(".question-entry")].some((entry) => entry.style.display !== "none"));
    }
    form.querySelector("output").value = count === 1 ? "1 question" : `${count} questions`;
  };

  // A link may carry a filter: questions/?level=core&section=training
  const wanted = new URLSearchParams(location.search);
  for (const field of [text, level, section]) {
    field.value = wanted.get(field.name) ?? "";
    if (field.selectedIndex === -1) field.value = "";
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
