"""What readers take along: the files themselves, pages on paper, and the site without a network."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pypdfium2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from sitekit import offline
from tests.epub_reader import faults, opened
from tests.site import looking
from tests.site.looking import DESKTOP, found, plant, visit
from tests.site.serving import Site, serve

PAPER = (672, 900)  # the width of A4 within the margins, in pixels
_PAPER_FAULTS = """
() => {
  const faults = [];
  const name = (element) => `${element.localName}.${element.className} ${element.textContent.trim().slice(0, 40)}`;
  const width = document.documentElement.clientWidth;
  for (const element of document.querySelectorAll("main :is(p, pre, code, table, figure, svg, .katex, li, td, h1)")) {
    const box = element.getBoundingClientRect();
    if (!box.width) continue;
    if (box.right > width + 1) faults.push(`sticks out: ${name(element)}`);
    else if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible") {
      faults.push(`cut off: ${name(element)}`);
    }
  }
  const steering = ".md-header, .md-tabs, .md-path, .md-sidebar, .md-footer, .md-button, .headerlink, button, form";
  for (const element of document.querySelectorAll(steering)) {
    if (element.getClientRects().length) faults.push(`steers: ${name(element)}`);
  }
  for (const details of document.querySelectorAll("details")) {
    const [inner, box] = [details.lastElementChild, details.getBoundingClientRect()];
    if (box.height && !inner.getBoundingClientRect().height) faults.push(`folded: ${name(details)}`);
  }
  return faults;
}
"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, color_scheme="dark")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def on_paper(page: Page, address: str) -> list[str]:
    """Show a page as it is printed, and return what is wrong with it."""
    page.set_viewport_size({"width": PAPER[0], "height": PAPER[1]})
    page.emulate_media(media="print", color_scheme="dark")
    visit(page, address)
    return page.evaluate(_PAPER_FAULTS)


def printed(page: Page) -> tuple[list[str], float]:
    """Print the page; return the text of each sheet, and how far right any letter reaches, as a share of the width."""
    document = pypdfium2.PdfDocument(
        io.BytesIO(page.pdf(prefer_css_page_size=True, format="A4", print_background=True))
    )
    texts, furthest = [], 0.0
    for sheet in document:
        text = sheet.get_textpage()
        texts.append(text.get_text_range())
        width = sheet.get_width()
        furthest = max([furthest, *(text.get_charbox(n)[2] / width for n in range(text.count_chars()))])
    document.close()
    return texts, furthest


# ------------------------------------------------------------------ paper


def test_every_page_is_whole_on_paper(page: Page, site: Site) -> None:
    wrong = {name: on_paper(page, site.address + name) for name in [*site.pages, "everything.html"]}
    assert {name: faults for name, faults in wrong.items() if faults} == {}


def test_paper_is_light_whatever_the_screen(page: Page, site: Site) -> None:
    on_paper(page, site.address + site.page_with("<figure", 'class="katex"'))
    assert [fault for fault in looking.invisible(page) if "contrast" in fault] == []
    ink = page.evaluate("getComputedStyle(document.querySelector('main p')).color")
    assert max(map(int, re.findall(r"\d+", ink)[:3])) < 100
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_a_page_is_printed_with_its_answers_open_and_its_sources_named(page: Page, site: Site) -> None:
    name = site.page_with("<details", 'class="footnote"', 'class="katex"')
    visit(page, site.address + name)
    folded = page.locator("details.question li").first.evaluate(
        "one => one.textContent.split(' ').slice(0, 5).join(' ')"
    )
    source = page.locator(".footnote a[href^=http]").first.get_attribute("href") or ""
    sheets, furthest = printed(page)
    text = " ".join(" ".join(sheets).split())
    assert len(sheets) >= 2
    assert page.locator("h1").inner_text() in sheets[0]
    assert folded in text
    assert source.replace(" ", "") in text.replace(" ", "")
    assert 0.5 < furthest < 0.95
    assert page.locator("details.question[open]").count() == 0  # as the reader left it


def test_without_scripts_folded_text_is_printed_too(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.address + site.page_with("<details", 'class="footnote"'))
    folded = (page.locator("details.question li").first.text_content() or "").split()[:5]
    sheets, _ = printed(page)
    assert " ".join(folded) in " ".join(" ".join(sheets).split())
    context.close()


@pytest.mark.parametrize(
    ("style", "fault"),
    [
        (
            "pre > code { font-size: 30px !important; white-space: pre !important; overflow: auto !important }",
            "cut off",
        ),
        ("@media print { main h1 { width: 900px } }", "sticks out"),
        ("@media print { .md-header { display: block !important } }", "steers"),
        (
            "details::details-content { display: none !important }",
            "folded",
        ),
    ],
)
def test_a_planted_fault_on_paper_is_found(page: Page, site: Site, style: str, fault: str) -> None:
    address = site.address + site.page_with("<details", "language-python highlight", "<figure")
    plant(page, address, lambda html: html.replace("</body>", f"<style>{style}</style></body>"))
    wrong = on_paper(page, address)
    assert any(one.startswith(fault) for one in wrong), wrong


def test_dark_paper_would_be_noticed(page: Page, site: Site) -> None:
    address = site.address + site.page_with('class="katex"')
    style = "<style>@media print { body { background: #14191d !important } }</style>"
    plant(page, address, lambda html: html.replace("</body>", f"{style}</body>"))
    on_paper(page, address)
    assert any("contrast" in fault for fault in looking.invisible(page))


# --------------------------------------------------------------- the files


def test_the_book_of_the_site_has_no_fault_and_holds_every_page(site: Site) -> None:
    content = (site.folder / "dlref.epub").read_bytes()
    assert faults(content) == []
    book = opened(content)
    for name in site.pages:
        if name != "take-along/":
            chapter = book[f"EPUB/{name.strip('/').replace('/', '-') or 'home'}.xhtml"]
            title = re.search(r"<h1[^>]*>(.*?)</h1>", (site.folder / name / "index.html").read_text("utf-8"), re.S)
            assert title is not None
            assert re.sub(r"<a.*?</a>|<[^>]+>", "", title[1]).strip() in chapter
    whole = "".join(book.values())
    for mark in ("<math ", "<svg ", 'class="c1 output"', 'epub:type="noteref"'):
        assert mark in whole


def test_the_questions_keep_their_schema(site: Site) -> None:
    rows, schema = (json.loads((site.folder / f"questions{end}.json").read_text("utf-8")) for end in ("", ".schema"))
    jsonschema.Draft202012Validator(schema).validate(rows)
    for row in rows:
        assert (site.folder / row["url"].partition("#")[0] / "index.html").is_file(), row["url"]


def test_the_text_for_programs_names_only_what_is_there(site: Site) -> None:
    listed = (site.folder / "llms.txt").read_text("utf-8")
    links = re.findall(r"\]\((https://[^)]+)\)", listed)
    assert len(links) > len(site.pages) - 3
    for link in links:
        file = site.folder / link.removeprefix("https://dlref.github.io/dlref/")
        assert file.is_file(), link
        assert file.stat().st_size > 300, link
    whole = (site.folder / "llms-full.txt").read_text("utf-8")
    assert whole.count("\nSource: https://dlref.github.io/dlref/") > 10
    assert "\n#> " in whole
    assert 'class="' not in re.sub(r"```.*?```", "", whole, flags=re.S)


def test_the_page_says_how_large_each_file_is(page: Page, site: Site) -> None:
    visit(page, site.address + "take-along/")
    sizes = page.eval_on_selector_all("data.size", "all => all.map((one) => [one.value, one.textContent])")
    offered = page.eval_on_selector_all(".card__title a", "all => all.map((one) => one.getAttribute('href'))")
    files = [(site.folder / "take-along" / href).resolve() for href in offered]
    weights = [
        str(file.stat().st_size) for file in files if file.name != "everything.html"
    ]  # which got its policy since
    assert set(weights) <= {value for value, _ in sizes}
    assert all(re.fullmatch(r"\d+ KB|\d+\.\d MB", text) for _, text in sizes)
    assert len(sizes) == len(files) + 1


# ----------------------------------------------------------------- offline


def keep(page: Page, address: str) -> None:
    """Press the button that keeps the site in the browser."""
    visit(page, f"{address}take-along/")
    page.get_by_role("button", name="Keep the site").click()
    page.locator(".offline output", has_text="Kept").wait_for(timeout=30_000)


@pytest.fixture
def kept(context: BrowserContext, site: Site) -> Page:
    """Keep the site in the browser, then take the network away."""
    page = context.new_page()
    keep(page, site.address)
    page.close()
    context.set_offline(True)
    return context.new_page()


def test_the_kept_site_opens_without_a_network(kept: Page, site: Site) -> None:
    for name in site.pages:
        visit(kept, site.address + name)
        assert kept.locator("article h1").count(), name
    assert looking.trouble(kept, site.address, site.address) == []
    visit(kept, site.address + site.page_with("<figure", 'class="katex"'))
    assert looking.invisible(kept) == []
    loaded = kept.evaluate("[...document.fonts].filter((font) => font.status === 'loaded').map((font) => font.family)")
    assert {"Inter", "JetBrains Mono", "KaTeX_Main"} <= {family.strip('"') for family in loaded}
    assert kept.evaluate("getComputedStyle(document.querySelector('article h1')).fontWeight") == "750"
    kept.locator(".md-footer__link--next").click()
    kept.wait_for_load_state()
    assert kept.locator("h1").count()
    assert found(kept, "softmax")
    visit(kept, f"{site.address}questions/?level=core")
    assert kept.locator(".question-entry:visible").count() > 5


def test_without_being_asked_nothing_is_kept(context: BrowserContext, site: Site) -> None:
    page = context.new_page()
    visit(page, site.address + "take-along/")
    assert page.evaluate("caches.keys()") == []
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0


def test_what_was_kept_can_be_removed(kept: Page, site: Site) -> None:
    visit(kept, site.address + "take-along/")
    kept.get_by_role("button", name="Remove").click()
    kept.locator(".offline output", has_text="Removed").wait_for()
    assert kept.evaluate("caches.keys()") == []
    assert kept.get_by_role("button", name="Keep the site").is_visible()


def test_a_new_edition_takes_the_place_of_the_old(context: BrowserContext, site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    shutil.copytree(site.folder, folder)
    with serve(folder) as address:
        page = context.new_page()
        keep(page, address)
        home = folder / "index.html"
        home.write_text(
            re.sub(r"<h1.*?</h1>", "<h1>Another edition</h1>", home.read_text("utf-8"), flags=re.S), "utf-8"
        )
        offline.write(folder)
        page.evaluate("""async () => {
          const workers = navigator.serviceWorker;
          const updated = new Promise((resolve) => workers.addEventListener("controllerchange", resolve));
          await (await workers.getRegistration()).update();
          const late = new Promise((_, reject) => setTimeout(() => reject(new Error("the old edition stays")), 10000));
          await Promise.race([updated, late]);
        }""")
        context.set_offline(True)
        visit(page, address)
        assert page.locator("h1").inner_text() == "Another edition"
