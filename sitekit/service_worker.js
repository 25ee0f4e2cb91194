// Keeps the site in this browser for readers who asked for it, and answers from there. Written by the build.
importScripts(
  "assets/js/vendor/workbox/workbox-core.prod.js",
  "assets/js/vendor/workbox/workbox-routing.prod.js",
  "assets/js/vendor/workbox/workbox-strategies.prod.js",
  "assets/js/vendor/workbox/workbox-precaching.prod.js",
);

// A new edition takes over at once: a page is whole in itself, so none waits for another to close.
self.skipWaiting();
workbox.core.clientsClaim();
workbox.precaching.precacheAndRoute(FILES, { directoryIndex: "index.html", cleanURLs: false, ignoreURLParametersMatching: [/./] });
