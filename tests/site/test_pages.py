"""Every page of the site in Chromium: nothing leaves the site, nothing fails, everything can be read."""

import pytest
from playwright.sync_api import Browser
from selectolax.lexbor import LexborHTMLParser

from tests.site import looking
from tests.site.looking import DESKTOP, PHONE, opened, plant, visit
from tests.site.serving import Site

SCHEMES = ["light", "dark"]
ENLARGED = ((640, 450), (360, 740), (320, 568))  # 1280 x 900 at 200 %, a small phone, and 1280 at 400 %


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_opens_without_a_fault_and_can_be_read(
    browser: Browser, site: Site, scheme: str, size: tuple[int, int]
) -> None:
    faults = {}
    with opened(browser, scheme, size, site.address) as page:
        for name in site.pages:
            page.set_viewport_size({"width": size[0], "height": size[1]})
            faults[name] = looking.trouble(page, site.address + name, site.address)
            page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
            faults[name] += looking.invisible(page) + looking.too_wide(page)
            for width, height in ENLARGED if size == PHONE and scheme == "light" else ():
                page.set_viewport_size({"width": width, "height": height})
                faults[name] += looking.too_wide(page)
    assert len(faults) > 30
    assert {name: found for name, found in faults.items() if found} == {}


def test_the_style_of_formulas_is_loaded_where_there_are_any(site: Site) -> None:
    styled = {}
    for name in site.pages:
        page = LexborHTMLParser((site.folder / name / "index.html").read_text("utf-8"))
        styled[name] = bool(page.css("link[rel=stylesheet][href*=katex]"))
        assert styled[name] == bool(page.css(".katex")), name
    assert set(styled.values()) == {True, False}


def test_the_colours_follow_the_switch(browser: Browser, site: Site) -> None:
    with opened(browser, "light", address=site.address) as page:
        visit(page, site.address)
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        for _ in range(2):  # the system's colours, light, dark
            page.locator("form[data-md-component=palette] label:visible").click()
        dark = page.evaluate(ground)
        page.reload()
        assert (page.evaluate(ground), light != dark) == (dark, True)


def test_a_page_that_is_not_there_says_so_at_any_depth(browser: Browser, newest: Site) -> None:
    with opened(browser, address=newest.address) as page:
        # GitHub Pages answers with 404.html whatever the address.
        page.route("**/no/such/page/", lambda route: route.fulfill(status=404, path=newest.folder / "404.html"))
        faults = looking.trouble(page, f"{newest.address}no/such/page/", newest.address)
        assert page.locator("h1").inner_text() == "There is no such page"
        assert [one for one in faults if "no/such/page" not in one and "status of 404" not in one] == []
        page.get_by_role("link", name="Home page").click()
        assert page.url == newest.address


def test_the_page_that_is_not_there_has_a_search_and_links_that_lead_somewhere(browser: Browser, newest: Site) -> None:
    with opened(browser, address=newest.address) as page:
        page.route("**/no/such/page/", lambda route: route.fulfill(status=404, path=newest.folder / "404.html"))
        page.goto(f"{newest.address}no/such/page/")
        links = page.eval_on_selector_all("article li a", "links => links.map(link => link.href)")
        assert {f"{newest.address}{name}" for name in ("", "questions/")} < set(links)
        assert {link.removeprefix(newest.address) for link in links} <= set(newest.pages)
        results = looking.found(page, "softmax")
        assert results
        assert all(one.startswith(newest.address) for one in results)
        visit(page, results[0])
        assert "softmax" in page.locator("article").inner_text().lower()


@pytest.mark.parametrize(
    ("planted", "script", "fault"),
    [
        ('<img src="https://example.com/x.png" alt="">', "", "another origin: https://example.com/x.png"),
        ('<script src="planted.js"></script>', 'console.error("planted")', "console: planted"),
        ('<script src="planted.js"></script>', "null.x", "script: "),
        ('<script>console.log("planted")</script>', "", "console: Executing inline script violates"),
        ('<img src="no-such-file.png" alt="">', "", "404: "),
    ],
)
def test_planted_trouble_is_found(browser: Browser, site: Site, planted: str, script: str, fault: str) -> None:
    with opened(browser) as page:
        page.route("**/planted.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
        plant(
            page, site.address, lambda html: _without_foreign_rule(html).replace("</article>", f"{planted}</article>")
        )
        faults = looking.trouble(page, site.address, site.address)
    assert any(one.startswith(fault) for one in faults), faults


def _without_foreign_rule(html: str) -> str:
    """Let a page ask for pictures of another origin, which its policy forbids before a request is seen."""
    return html.replace("img-src 'self' data:", "img-src *")


@pytest.mark.parametrize(
    ("mark", "style", "fault"),
    [
        ('class="katex"', ".katex { color: #eee !important }", "contrast"),
        ('class="katex"', ".katex { font-size: 0 !important }", "no size"),
        ("<figure", "figure svg { display: none !important }", "figure"),
        ("<figure", "figure svg text { fill: #fafafa !important }", "text of a figure"),
        ("<article", "h1 { width: 1500px }", "pixels wide"),
        ('class="katex"', '@font-face { font-family: "KaTeX_Main"; src: url("nowhere.woff2") }', "does not load"),
    ],
)
def test_a_planted_blot_is_found(browser: Browser, site: Site, mark: str, style: str, fault: str) -> None:
    address = site.address + site.page_with(mark, "<text") if "svg" in style else site.address + site.page_with(mark)
    with opened(browser, address=site.address) as page:
        plant(page, address, lambda html: html.replace("</head>", f"<style>{style}</style></head>"))
        visit(page, address)
        faults = looking.invisible(page) + looking.too_wide(page)
    assert any(fault in one for one in faults), faults
