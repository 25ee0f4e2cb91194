// A page that has moved: goes on to the new address, and keeps what stood behind the old one's "?" and "#". A question
// that went elsewhere has a link of its own. Without scripts the page goes on by itself, but only to the top.
(() => {
  const go = () => {
    const link = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.querySelector("a");
    const target = new URL((link ?? document.querySelector("a[rel=canonical]")).href);
    target.search = location.search;
    if (!link) target.hash = location.hash;
    location.replace(target);
  };
  document.readyState === "loading" ? addEventListener("DOMContentLoaded", go) : go();
})();
