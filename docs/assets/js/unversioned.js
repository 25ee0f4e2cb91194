// On the page for addresses that are not there, at the root of all versions: an address from the time before there were
// versions leads to the same place in the newest. Without scripts each page of that time has a stub (sitekit.versions).
(async () => {
  const root = new URL("./", document.currentScript.src).pathname;
  if (!location.pathname.startsWith(root)) return;
  const path = location.pathname.slice(root.length);
  const answer = await fetch(`${root}versions.json`);
  const known = (await answer.json()).flatMap(({ version, aliases }) => [version, ...aliases]);
  if (known.includes(path.split("/")[0])) return; // a page that this version does not have
  const there = `${root}latest/${path}`;
  if ((await fetch(there, { method: "HEAD" })).ok) location.replace(there + location.search + location.hash);
})();
