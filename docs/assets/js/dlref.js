// What keyboards and screen readers need and only a script can know. The page is whole without it.
(() => {
  const article = document.querySelector("article");

  // A formula, a table or a code block that is wider than the screen can be scrolled with the keyboard.
  const scrollers = ".math-display, .md-typeset__scrollwrap, pre > code, .lab-output, .lab-output pre";
  const reach = () => {
    for (const box of article.querySelectorAll(scrollers)) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };

  // Material calls the buttons of each code block a navigation; a page has one, and it is elsewhere.
  const demote = () => {
    for (const nav of article.querySelectorAll("nav.md-code__nav:not([role])")) nav.setAttribute("role", "none");
  };

  // The heading of a section with an index page is a link, so the list below it goes without a name.
  for (const list of document.querySelectorAll(".md-sidebar--primary nav.md-nav[aria-labelledby]")) {
    const title = list.querySelector(":scope > .md-nav__title")?.textContent.trim();
    if (!title || document.getElementById(list.getAttribute("aria-labelledby"))?.textContent.trim()) continue;
    list.removeAttribute("aria-labelledby");
    list.setAttribute("aria-label", title);
  }

  if (!article) return;
  const tidy = () => requestAnimationFrame(() => (demote(), reach()));
  new MutationObserver(tidy).observe(article, { childList: true, subtree: true });
  new ResizeObserver(tidy).observe(article);
})();
