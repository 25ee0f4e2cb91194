// Lighthouse over some addresses, in one browser: node audit.mjs PROGRAM CATEGORIES MOBILE ADDRESS...
// Prints a line of JSON for each: the scores, and what lost points.
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const [program, categories, mobile, ...addresses] = process.argv.slice(2);
const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const chrome = await launch({ chromePath: program, chromeFlags: flags });
const slow = mobile === "mobile"; // the slow phone on the slow network, by computation; otherwise as the machine is
const screen = { mobile: true, width: 412, height: 823, deviceScaleFactor: 1.75, disabled: false };
const settings = slow ? {} : { throttlingMethod: "provided", screenEmulation: screen };
for (const address of addresses) {
  const options = { port: chrome.port, onlyCategories: categories.split(","), logLevel: "silent", disableFullPageScreenshot: true, ...settings };
  const { lhr } = await lighthouse(address, options);
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
