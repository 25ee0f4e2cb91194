// Lighthouse over some addresses, in one browser: node audit.mjs PROGRAM CATEGORIES ADDRESS...
// Prints a line of JSON for each: the scores, and what lost points.
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const [program, categories, ...addresses] = process.argv.slice(2);
const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const chrome = await launch({ chromePath: program, chromeFlags: flags });
for (const address of addresses) {
  const only = { onlyCategories: categories.split(","), disableFullPageScreenshot: true };
  const { lhr } = await lighthouse(address, { port: chrome.port, logLevel: "silent", ...only });
  const scores = Object.fromEntries(Object.values(lhr.categories).map(({ id, score }) => [id, score]));
  const counted = Object.values(lhr.categories).flatMap(({ auditRefs }) => auditRefs.filter(({ weight }) => weight));
  const lost = counted.map(({ id }) => lhr.audits[id]).filter(({ score }) => score !== null && score < 1);
  const faults = lost.map(({ id, displayValue, details }) => {
    const places = details?.items?.slice(0, 3).map((item) => item.node?.snippet ?? item.description ?? item.url ?? "");
    return [id, displayValue ?? "", ...(places ?? [])].join(" ").trim();
  });
  console.log(JSON.stringify({ address, scores, faults, error: lhr.runtimeError?.message ?? "" }));
}
chrome.kill();
