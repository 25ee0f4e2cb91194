"""The Content-Security-Policy: in force on every page, in nobody's way, and it stops what it must stop."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.site.kinds import kinds
from tests.site.looking import DESKTOP, PHONE, found, opened, plant, visit, watched
from tests.site.serving import Site

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_GOVERNED = re.compile(r"<(?:link|script|style|img|body)\b")
STRICT = (
    "default-src 'self'", "object-src 'none'", "script-src 'self'", "img-src 'self' data:", "connect-src 'self'",
    "base-uri 'none'",
)  # fmt: skip
WATCH = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile ?? ""}`);
});
"""
# What a page must not do, tried from within: true means that it was done.
TRIES = """
async () => {
  const done = {};
  const script = document.createElement("script");
  script.textContent = "window.planted = 1";
  document.body.append(script);
  const button = document.createElement("button");
  button.setAttribute("onclick", "window.handled = 1");
  document.body.append(button);
  button.click();
  const link = document.createElement("a");
  link.href = "javascript:window.linked = 1";
  document.body.append(link);
  link.click();
  const loads = (element) => new Promise((answer) => {
    element.onload = () => answer(true);
    element.onerror = () => answer(false);
    document.body.append(element);
  });
  done.image = await loads(Object.assign(new Image(), {src: "https://elsewhere.test/x.png"}));
  done.frame = await Promise.race([
    loads(Object.assign(document.createElement("iframe"), {src: "https://elsewhere.test/"})).then(
      () => document.querySelector("iframe").contentDocument !== null),
    new Promise((answer) => setTimeout(answer, 500, false)),
  ]);
  done.file = await loads(Object.assign(document.createElement("script"), {src: "https://elsewhere.test/x.js"}));
  done.fetch = await fetch("https://elsewhere.test/").then(() => true, () => false);
  done.inline = "planted" in window;
  done.handler = "handled" in window;
  done.link = "linked" in window;
  await new Promise((next) => setTimeout(next, 50)); // until it is reported
  return Object.keys(done).filter((name) => done[name]);
}
"""
EVERYTHING_TRIED = ["image", "file", "fetch", "inline", "handler", "link"]


def lax(html: str) -> list[str]:
    """Return what is missing in a page's policy, or what stands before it and so escapes it."""
    policy = _POLICY.search(html)
    if not policy:
        return ["no policy"]
    faults = [f"not {rule}" for rule in STRICT if rule not in policy[1].replace(" 'sha256-", " 'self' 'sha256-")]
    scripts = next((part for part in policy[1].split("; ") if part.startswith("script-src")), "")
    faults += [f"allows {word}" for word in ("'unsafe-inline'", "'unsafe-eval'", "http", "*") if word in scripts]
    if early := _GOVERNED.search(html[: policy.start()]):
        faults.append(f"{early[0]} stands before it")
    return faults


def use(page: Page) -> None:
    """Use whatever a page offers: scroll, unfold, copy, change tabs and colours, hover footnotes, open the menus."""
    page.evaluate(
        """async () => {
          for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
            scrollTo(0, y);
            await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
          }
          for (const details of document.querySelectorAll("details")) details.open = true;
          const press = ".tabbed-labels label, [data-md-component=palette] label, article button, .md-top";
          for (const one of document.querySelectorAll(press)) one.click();
        }"""
    )
    for selector in (".footnote-ref", ".headerlink", "label[for=__drawer]:visible"):
        if (one := page.locator(selector)).count():
            one.first.dispatch_event("mouseover")
            one.first.dispatch_event("click")
    page.wait_for_timeout(150)


def test_every_page_has_a_strict_policy(site: Site) -> None:
    faults = {path: lax(path.read_text("utf-8")) for path in sorted(site.folder.rglob("*.html"))}
    assert len(faults) > len(site.pages)
    assert {str(path): found for path, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda html: _POLICY.sub("", html), "no policy"),
        (lambda html: html.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'"), "allows 'unsafe-inline'"),
        (lambda html: html.replace("default-src 'self'", "default-src *"), "not default-src 'self'"),
        (lambda html: html.replace("<head>", '<head><link rel="icon" href="x">'), "<link stands before it"),
    ],
)
def test_a_lax_policy_is_noticed(site: Site, edit, fault: str) -> None:  # type: ignore[no-untyped-def]
    assert lax(edit((site.folder / "index.html").read_text("utf-8"))) == [fault]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_a_reader_does_is_forbidden(browser: Browser, site: Site, size: tuple[int, int]) -> None:
    faults = {}
    for name, kind in kinds(site).items():
        with opened(browser, size=size, address=site.address) as page:
            page.add_init_script(WATCH)
            with watched(page, site.address) as faults[name]:
                kind.open(page, site)
                use(page)
    assert {name: found for name, found in faults.items() if found} == {}


def test_the_search_and_the_page_behind_it_are_allowed(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        page.add_init_script(WATCH)
        with watched(page, site.address) as faults:
            visit(page, site.address)
            assert found(page, "softmax")
            page.locator(".md-search-result__link").first.click()
            page.wait_for_load_state("networkidle")
        assert page.url != site.address
    assert faults == []


def test_what_is_forbidden_does_not_happen_and_is_reported(browser: Browser, site: Site) -> None:
    for name, kind in kinds(site).items():
        with opened(browser) as page:
            page.route("https://elsewhere.test/**", lambda route: route.fulfill(body="", content_type="text/plain"))
            page.add_init_script(WATCH)
            kind.open(page, site)
            with watched(page, site.address) as faults:
                assert page.evaluate(TRIES) == [], name
            told = [fault.removeprefix("console: policy: ") for fault in faults if "policy: " in fault]
        for rule in ("script-src-elem inline", "script-src-attr inline", "script-src-elem https://elsewhere.test/x.js",
                     "img-src https://elsewhere.test", "connect-src https://elsewhere.test", "frame-src"):  # fmt: skip
            assert any(one.startswith(rule) for one in told), (name, rule, told)


def test_without_the_policy_it_would_happen(browser: Browser, site: Site, tmp_path: Path) -> None:
    with opened(browser) as page:
        picture = (site.folder / "assets/favicon.svg").read_bytes()
        headers = {"Access-Control-Allow-Origin": "*"}
        page.route(
            "https://elsewhere.test/x.png",
            lambda route: route.fulfill(body=picture, content_type="image/svg+xml", headers=headers),
        )
        page.route(
            re.compile("https://elsewhere.test/(x.js)?$"),
            lambda route: route.fulfill(body="", content_type="text/javascript", headers=headers),
        )
        plant(page, site.address, lambda html: _POLICY.sub("", html))
        visit(page, site.address)
        assert page.evaluate(TRIES) == EVERYTHING_TRIED
