// What keyboards and screen readers need and only a script can know. The page is whole without it.
(() => {
  const article = document.querySelector("article");
  if (!article) return;

  // A formula, a table or a code block that is wider than the screen can be scrolled with the keyboard. It is measured
  // when it comes into sight, since to measure what is far below would mean to lay it out.
  const scrollers = ".math-display, .md-typeset__scrollwrap, pre > code, .lab-output, .lab-output pre";
  const sight = new IntersectionObserver((entries) => {
    const boxes = entries.filter((entry) => entry.isIntersecting).map(({ target: box }) => box);
    for (const [box, scrolls] of boxes.map((box) => [box, box.scrollWidth > box.clientWidth])) {
      if (scrolls) box.tabIndex = 0;
      else if (box.tabIndex === 0 && box !== document.activeElement) box.removeAttribute("tabindex"); // focus stays
    }
  });
  const reach = () => {
    sight.disconnect(); // to observe anew is to be told anew
    for (const box of article.querySelectorAll(scrollers)) sight.observe(box);
  };

  // The browser's own parts, such as scrollbars, follow the switch of the colours.
  new MutationObserver(() => {
    const scheme = document.body.getAttribute("data-md-color-scheme") === "slate" ? "dark" : "light";
    document.documentElement.style.colorScheme = scheme;
  }).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });

  // Material calls the buttons of each code block a navigation; a page has one, and it is elsewhere.
  const demote = () => {
    for (const nav of article.querySelectorAll("nav.md-code__nav:not([role])")) nav.setAttribute("role", "none");
  };

  // Nor are the tags of a search result one.
  const results = document.querySelector(".md-search-result__list");
  if (results) {
    new MutationObserver(() => {
      for (const nav of results.querySelectorAll("nav.md-tags:not([role])")) nav.setAttribute("role", "none");
    }).observe(results, { childList: true, subtree: true });
  }

  // The heading of a section with an index page is a link, so the list below it goes without a name.
  for (const list of document.querySelectorAll(".md-sidebar--primary nav.md-nav[aria-labelledby]")) {
    const title = list.querySelector(":scope > .md-nav__title")?.textContent.trim();
    if (!title || document.getElementById(list.getAttribute("aria-labelledby"))?.textContent.trim()) continue;
    list.removeAttribute("aria-labelledby");
    list.setAttribute("aria-label", title);
  }

  // Material's menu opens by a label, which no key reaches; so the icon in it becomes a button.
  const label = document.querySelector(".md-header__button[for=__drawer]");
  const drawer = document.getElementById("__drawer");
  if (label && drawer) {
    const menu = document.createElement("span");
    menu.append(...label.childNodes);
    label.append(menu);
    menu.setAttribute("role", "button");
    menu.setAttribute("aria-label", "Menu");
    menu.tabIndex = 0;
    const tell = () => menu.setAttribute("aria-expanded", String(drawer.checked));
    tell();
    drawer.addEventListener("change", tell);
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation(); // Material would press it once more
      drawer.click();
    });
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && drawer.checked) drawer.click(), menu.focus();
    });
  }

  // On paper everything is open; afterwards what was closed closes again.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...article.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });

  // Once, when the browser has nothing better to do.
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
  let waiting = false;
  const tidy = () => {
    if (waiting) return;
    waiting = true;
    idle(() => ((waiting = false), demote(), reach()), { timeout: 1500 });
  };
  new MutationObserver(tidy).observe(article, { childList: true, subtree: true });
  new ResizeObserver(tidy).observe(article);
})();
