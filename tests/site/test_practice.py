"""The questions page: filter, practice, mock interview, and what the browser keeps of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.site import looking
from tests.site.looking import PHONE, opened, plant, visit
from tests.site.serving import Site

QUESTIONS = "questions/"
KEY = "dlref.practice"
SMALL = (360, 740)
DAYS = 24 * 60 * 60 * 1000
DENIAL = "the theme's own script stumbles over this"
DENIED = (
    "Object.defineProperty(window, 'localStorage',"
    f" {{ get() {{ throw new DOMException({json.dumps(DENIAL)}, 'SecurityError'); }} }})"
)
FULL = """
const setItem = Storage.prototype.setItem;
Storage.prototype.setItem = function (key, text) {
  if (key.startsWith("dlref.practice")) throw new DOMException("full", "QuotaExceededError");
  return setItem.call(this, key, text);
};
"""


def go(page: Page, site: Site, query: str = "") -> None:
    """Open the questions page and wait until its desk is there."""
    visit(page, f"{site.address}{QUESTIONS}{query}")
    expect(page.locator(".desk:not([hidden])")).to_be_attached()


@contextmanager
def at_desk(
    browser: Browser,
    site: Site,
    query: str = "",
    *,
    saved: str | None = None,
    size: tuple[int, int] = looking.DESKTOP,
    scheme: str = "light",
    script: str = "",
) -> Iterator[Page]:
    """Open the questions page, with a saved text; whatever a script complains about fails the test."""
    faults: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(message.text)

    with opened(browser, scheme, size, site.address) as page:
        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(error.message))
        if script:
            page.add_init_script(script)
        if saved is not None:  # once: a later visit sees what the page itself saved
            page.add_init_script(
                f"if (!sessionStorage.seeded) {{ sessionStorage.seeded = 1;"
                f" localStorage.setItem({json.dumps(KEY)}, {json.dumps(saved)}); }}"
            )
        go(page, site, query)
        yield page
        assert [one for one in faults if one != DENIAL] == []


def log(page: Page) -> dict[str, list[list[int]]]:
    """Return what the browser keeps."""
    text = page.evaluate(f"localStorage.getItem('{KEY}')")
    return json.loads(text)["reviews"] if text else {}


def text_of(reviews: dict[str, object], version: int = 1) -> str:
    return json.dumps({"format": "dlref-practice", "version": version, "reviews": reviews})


def slugs(page: Page) -> list[str]:
    """Return the questions that the list shows."""
    return page.eval_on_selector_all(
        ".question-entry", "all => all.filter((one) => one.checkVisibility()).map((one) => one.dataset.slug)"
    )


def focused(page: Page) -> str:
    """Return the words of what has the focus, on one line."""
    return page.evaluate("document.activeElement.innerText.replace(/\\s+/g, ' ').trim()")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, name: str) -> None:
    """Move the focus with the tab key until it is on a button of that name."""
    for _ in range(60):
        press(page, "Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"the tab key does not reach {name}")


def sum_of(page: Page) -> str:
    return page.locator(".progress__sum").inner_text()


def repeated_ids(page: Page) -> list[str]:
    """Return the ids that stand more than once in the page."""
    ids = page.eval_on_selector_all("[id]", "all => all.map((one) => one.id)")
    return sorted({one for one in ids if ids.count(one) > 1})


def topic(page: Page) -> str:
    """Return the page with the fewest questions, two at least."""
    return page.evaluate(
        """() => {
            const pages = [...document.querySelectorAll(".question-entry")].map((one) => one.dataset.page);
            const count = (page) => pages.filter((one) => one === page).length;
            return [...new Set(pages)].filter((one) => count(one) > 1).sort((a, b) => count(a) - count(b))[0];
        }"""
    )


# ------------------------------------------------------------------------------------------------ practice


def test_a_practice_with_the_keyboard_alone(browser: Browser, site: Site) -> None:
    with at_desk(browser, site) as page:
        go(page, site, f"?section={topic(page)}")
        asked = slugs(page)
        page.locator("[name=text]").focus()
        tab_to(page, "Practise these")
        press(page, "Enter")
        first = page.locator(".practice__question").inner_text()
        assert focused(page) == first
        expect(page.locator(".practice__answer")).to_be_hidden()
        press(page, "2")  # no grade before the answer is open
        assert log(page) == {}
        press(page, "Space")
        answer = page.locator(f"[data-slug={asked[0]}] > p").first.text_content() or ""
        assert answer.split()[0] in focused(page)
        press(page, "1")
        assert page.locator(".desk__status").inner_text() == "Missed. It comes back at the end."
        assert focused(page) == page.locator(".practice__question").inner_text() != first
        for _ in asked[1:]:
            press(page, "Space", "2")
        assert page.locator(".practice__question").inner_text() == first  # what was missed
        press(page, "Space", "2")
        assert focused(page) == f"Done: {len(asked) - 1} of {len(asked)} known"
        tab_to(page, "Back to the list")
        press(page, "Enter")
        assert focused(page) == "Practise these"
        grades = {slug: [grade for _, grade in reviews] for slug, reviews in log(page).items()}
        assert grades == {slug: [0, 1] if slug == asked[0] else [1] for slug in asked}


def test_arrows_turn_back_and_a_grade_can_be_changed(browser: Browser, site: Site) -> None:
    with at_desk(browser, site, "?practice=all") as page:
        press(page, "Space", "1", "ArrowRight", "ArrowLeft", "ArrowLeft")
        assert page.locator(".practice__place").inner_text().startswith("Question 1 of ")
        missed = page.get_by_role("button", name="Missed it", exact=False)
        expect(missed).to_have_attribute("aria-pressed", "true")
        press(page, "2")
        (reviews,) = log(page).values()
        assert [grade for _, grade in reviews] == [1]
        expect(page.locator(".practice__place")).to_contain_text("1 known · 0 missed")


def test_keys_are_left_to_fields_buttons_and_the_theme(browser: Browser, site: Site) -> None:
    with at_desk(browser, site, "?practice=all") as page:
        first = page.locator(".practice__question").inner_text()
        press(page, "Control+ArrowRight", "Control+1", "Space", "Alt+2", "Control+2")
        assert page.locator(".practice__question").inner_text() == first
        press(page, "/")  # the theme's: to the search
        assert page.evaluate("document.activeElement.name") == "query"
        page.keyboard.type("a 12")
        assert page.evaluate("document.activeElement.value") == "a 12"
        expect(page.locator(".md-search-result__meta")).to_contain_text("match")  # the search is loaded, and hears
        press(page, "Escape")
        expect(page.locator("[data-md-toggle=search]")).not_to_be_checked()
        assert log(page) == {}
        page.locator(".practice__answer a").focus()
        press(page, "Space")  # scrolls, as on any link
        page.locator("[data-act=forward]").focus()
        press(page, "Space")
        assert page.locator(".practice__question").inner_text() != first
        assert log(page) == {}
        page.locator(".practice__topic").evaluate("one => one.append(document.createElement('input'))")
        page.locator(".practice__topic input").focus()
        page.keyboard.type("a 12")
        assert page.locator(".practice__topic input").input_value() == "a 12"
        page.evaluate("document.activeElement.blur()")  # outside, the keys are the browser's
        press(page, "Space", "2")
        assert log(page) == {}


def test_formulas_and_code_in_an_answer(browser: Browser, site: Site) -> None:
    formula = '<span class="katex"><span class="katex-mathml">x</span><span class="katex-html">x</span></span>'
    wide = f'<div class="math-display" id="eq"><span class="math">{"wide " * 99}</span></div>'
    code = '<div class="highlight"><pre id="__code_9"><nav class="md-code__nav"></nav><code>a = 1</code></pre></div>'
    with opened(browser, address=site.address) as page:
        address = f"{site.address}{QUESTIONS}?practice=all"

        def edit(html: str) -> str:
            start, entry = html.split('<details class="question-entry"', 1)
            entry = entry.replace("</summary>", f"</summary><p>{formula} is <code>x</code></p>{wide}{code}", 1)
            return (
                f'{start}<details class="question-entry"{entry.replace(" <span class=", f" {formula} <span class=", 1)}'
            )

        plant(page, address, edit)
        visit(page, address)
        press(page, "Space")
        assert page.locator(".practice__question .katex").count() == 1
        answer = page.locator(".practice__answer")
        assert [answer.locator(kind).count() for kind in (".katex", "code", "#eq")] == [1, 2, 0]
        assert repeated_ids(page) == []
        expect(answer.locator(".math-display")).to_have_attribute("tabindex", "0")  # so that the keyboard scrolls it
        answer.locator(".math-display").focus()
        press(page, "ArrowRight")
        expect(page.locator(".practice__place")).to_contain_text("Question 1 of ")
        assert answer.locator(".math-display").is_visible()
        assert looking.too_wide(page) == []
        press(page, "1")
        page.locator("[data-act=end]").click()
        text = page.get_by_role("region", name="Done").get_by_role("link").first.inner_text()
        assert text.endswith(" x")  # the formula once, as it is said


def test_a_link_to_the_list_leaves_the_practice(browser: Browser, site: Site) -> None:
    with at_desk(browser, site, "?practice=all") as page:
        heading = page.locator("section[data-section] h2").last
        expect(heading).to_be_hidden()
        page.evaluate("id => (location.hash = id)", heading.get_attribute("id"))
        expect(heading).to_be_in_viewport()
        expect(page.locator(".practice")).to_be_hidden()


def test_nothing_moves_while_the_page_loads(browser: Browser, site: Site) -> None:
    watch = (
        "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((one) => (shift += one.value)))"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    for size in (looking.DESKTOP, PHONE):
        with at_desk(browser, site, size=size, script=watch) as page:
            page.wait_for_load_state("networkidle")
            assert page.evaluate("shift") < 0.02  # 0.1 is good by the Core Web Vitals


def test_a_key_held_down_grades_one_question(browser: Browser, site: Site) -> None:
    with at_desk(browser, site, "?practice=all") as page:
        page.keyboard.down("Space")
        page.keyboard.down("2")
        for _ in range(3):
            page.keyboard.down("Space")
            page.keyboard.down("2")
        assert [len(reviews) for reviews in log(page).values()] == [1]


def test_what_is_due_follows_from_the_grades_and_survives_a_reload(browser: Browser, site: Site) -> None:
    with at_desk(browser, site) as page:
        page.clock.install(time="2026-03-10T12:00:00")
        go(page, site, "?practice=all")
        press(page, "Space", "1", "Space", "2")
        page.clock.run_for(1000)
        page.locator("[data-act=end]").click()
        page.get_by_role("button", name="Back to the list").click()
        known, missed = sorted(log(page), key=lambda slug: -log(page)[slug][0][1])
        assert "2 of " in sum_of(page)
        assert "1 due today · 1 missed" in sum_of(page)
        page.locator("[name=progress]").select_option("due")
        assert slugs(page) == [missed]
        page.clock.fast_forward(4 * DAYS)
        page.reload()
        assert sorted(slugs(page)) == sorted([missed, known])  # the address keeps the filter
        expect(page.locator(f"[data-slug={known}] .question-entry__mark")).to_have_text("due")
        expect(page.locator(f"[data-slug={missed}] .question-entry__mark")).to_have_text("missed")
        for progress, count in {"new": -2, "seen": 2, "missed": 1}.items():
            page.locator("[name=progress]").select_option(progress)
            assert len(slugs(page)) == count % page.locator(".question-entry").count()


def test_two_tabs_show_one_progress(browser: Browser, site: Site) -> None:
    with at_desk(browser, site, "?practice=all") as page:
        other = page.context.new_page()
        go(other, site)
        press(page, "Space", "2")
        expect(other.locator(".progress__sum")).to_contain_text(": 1 of ")
        other.bring_to_front()
        other.get_by_role("button", name="Practise these").click()
        press(other, "Space", "1")
        page.bring_to_front()
        press(page, "ArrowRight", "Space", "2")
        assert len(log(page)) == 3
        page.locator("[data-act=end]").click()
        page.get_by_role("button", name="Back to the list").click()
        page.locator(".progress summary").click()
        page.get_by_role("button", name="Delete all").click()
        other.bring_to_front()
        other.locator("[data-act=end]").click()
        other.get_by_role("button", name="Back to the list").click()
        expect(other.locator(".progress__sum")).to_contain_text(": 0 of ")


# ------------------------------------------------------------------------------------------- what is kept


def test_export_deletion_and_import(browser: Browser, site: Site, tmp_path: Path) -> None:
    with at_desk(browser, site, "?practice=all") as page:
        press(page, "Space", "1", "Space", "2")
        page.locator("[data-act=end]").click()
        page.get_by_role("button", name="Back to the list").click()
        before = log(page)
        page.locator(".progress summary").click()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Export").click()
        assert waiting.value.suggested_filename.startswith("dlref-practice-20")
        file = tmp_path / "saved.json"
        waiting.value.save_as(file)
        assert json.loads(file.read_text("utf-8"))["reviews"] == before

        page.get_by_role("button", name="Delete all").click()
        expect(page.locator(".desk__notices")).to_contain_text("Deleted: the progress of 2 questions.")
        assert (log(page), ": 0 of " in sum_of(page)) == ({}, True)
        page.get_by_role("button", name="Undo").click()
        assert log(page) == before
        page.get_by_role("button", name="Delete all").click()

        chooser = page.get_by_label("Import")
        chooser.set_input_files(file)
        expect(page.locator(".desk__notices")).to_contain_text("Imported from saved.json: the progress of 2 questions")
        chooser.set_input_files(file)  # twice is once
        expect(page.locator(".desk__notice")).to_have_count(1)
        assert (log(page), ": 2 of " in sum_of(page)) == (before, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{nonsense", "cannot be imported: it is no JSON"),
        ("", "is empty"),
        ('{"format": "other"}', 'its format is "other"'),
        (text_of({}, version=9), "its version is 9, this page knows 1"),
        (text_of({"a": [[5, 1]], "b": [[6, 7]]}), "1 of its entries could not be read and were left out: b"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing_else(browser: Browser, site: Site, text: str, words: str) -> None:
    with at_desk(browser, site, saved=text_of({"mine": [[5, 1]]})) as page:
        file = {"name": "bad.json", "mimeType": "application/json", "buffer": text.encode()}
        page.locator(".progress summary").click()
        page.get_by_label("Import").set_input_files(file)  # type: ignore[arg-type]
        expect(page.locator(".desk__notices")).to_contain_text(words)
        assert log(page)["mine"] == [[5, 1]]
        assert set(log(page)) <= {"mine", "a"}
        page.get_by_role("button", name="Close").click()
        expect(page.locator(".desk__notice")).to_have_count(0)


def test_a_saved_text_that_is_broken_is_put_aside_said_and_offered(browser: Browser, site: Site) -> None:
    bad = '{"format": "dlref-practice", "version": 1, "reviews": {"a": [[5'
    with at_desk(browser, site, saved=bad) as page:
        expect(page.locator(".desk__notices")).to_contain_text("Your saved progress could not be read")
        assert page.evaluate(f"localStorage.getItem('{KEY}.aside.1')") == bad
        page.reload()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download Old text 1").click()
        assert waiting.value.path().read_text("utf-8") == bad
        page.get_by_role("button", name="Delete Old text 1").click()
        expect(page.locator(".progress__kept")).to_be_hidden()
        assert page.evaluate(f"localStorage.getItem('{KEY}.aside.1')") is None


def test_a_saved_text_that_is_broken_in_part_is_repaired(browser: Browser, site: Site) -> None:
    with at_desk(browser, site) as page:
        known = slugs(page)[0]
    with at_desk(browser, site, saved=text_of({known: [[5, 1]], "other": "x"})) as page:
        expect(page.locator(".desk__notices")).to_contain_text("one entry that could not be read. The rest is in use")
        assert ": 1 of " in sum_of(page)
        assert log(page) == {known: [[5, 1]]}


def test_a_newer_versions_text_stays_as_it_is(browser: Browser, site: Site) -> None:
    newer = text_of({"a": [[5, 1]]}, version=2)
    with at_desk(browser, site, "?practice=all", saved=newer) as page:
        expect(page.locator(".desk__notices")).to_contain_text("a newer version of this page")
        press(page, "Space", "2")
        assert ": 1 of " in (page.locator(".progress__sum").text_content() or "")
        assert page.evaluate(f"localStorage.getItem('{KEY}')") == newer


def test_progress_follows_a_renamed_question_and_keeps_a_vanished_one(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        saved = text_of({"old-name": [[5, 0]], "gone": [[6, 1]]})
        page.add_init_script(f"localStorage.setItem('{KEY}', {json.dumps(saved)})")
        address = f"{site.address}{QUESTIONS}?progress=seen"
        plant(page, address, lambda html: html.replace("data-level=", 'data-formerly="x old-name" data-level=', 1))
        visit(page, address)
        page.wait_for_selector(".desk:not([hidden])")
        assert len(slugs(page)) == 1
        assert sum_of(page).endswith("1 missed · 1 question not on this page, kept")


@pytest.mark.parametrize(("script", "words"), [(DENIED, "does not let the page save"), (FULL, "storage is full")])
def test_without_storage_practice_goes_on(browser: Browser, site: Site, script: str, words: str) -> None:
    with at_desk(browser, site, "?practice=all", script=script) as page:
        press(page, "Space", "2", "Space", "1")
        expect(page.locator(".desk__notices")).to_contain_text(words)
        page.locator("[data-act=end]").click()
        page.get_by_role("button", name="Back to the list").click()
        assert ": 2 of " in sum_of(page)


# ---------------------------------------------------------------------------------------------- interview


def test_a_mock_interview_to_its_report(browser: Browser, site: Site) -> None:
    with at_desk(browser, site) as page:
        page.clock.install(time="2026-03-10T12:00:00")
        page.clock.pause_at("2026-03-10T12:00:01")
        go(page, site, "?practice=interview")
        assert focused(page) == "Mock interview"
        form = page.get_by_role("form", name="Mock interview")
        form.get_by_label("Questions", exact=True).fill("3")
        form.get_by_label("Minutes for each").fill("1")
        sections = form.get_by_role("group", name="Sections").get_by_role("checkbox")
        for box in sections.all():
            box.uncheck()
        expect(page.locator(".interview__pool")).to_contain_text("choose at least one section")
        expect(form.get_by_role("button", name="Start")).to_be_disabled()
        sections.nth(1).check()
        section = sections.nth(1).get_attribute("value")
        form.get_by_label("advanced").uncheck()
        fitting = page.locator(f".question-entry[data-page^='{section}/']:not([data-level=advanced])").count()
        expect(page.locator(".interview__pool")).to_have_text(f"3 of {fitting} questions.")
        form.get_by_role("button", name="Start").click()

        clock = page.get_by_role("timer")
        page.clock.run_for(20_000)
        expect(clock).to_have_text("0:20 of 1:00 · in all 0:20")
        page.get_by_role("button", name="Pause").click()
        page.clock.run_for(60_000)
        page.locator(".practice").focus()
        press(page, "Space")
        expect(page.locator(".practice__answer")).to_be_hidden()
        page.get_by_role("button", name="Go on").click()
        page.clock.run_for(1_000)
        expect(clock).to_have_text("0:21 of 1:00 · in all 0:21")
        page.clock.run_for(40_000)
        expect(page.locator(".desk__status")).to_have_text("The time for this question is up.")
        page.get_by_role("button", name="Show the answer").click()
        page.clock.run_for(9_000)
        press(page, "2")
        page.clock.run_for(5_000)
        press(page, "Space", "1")
        page.get_by_role("button", name="End the interview").click()

        assert focused(page) == "The interview is over: 1 of 2 known"
        report = page.get_by_role("region", name="The interview is over")
        assert "It took 1:15, pauses left out." in report.inner_text()
        for title in ("Missed (1)", "Known (1)", "Not answered (1)"):
            expect(report.get_by_role("heading", name=title)).to_be_visible()
        links = report.get_by_role("link").all()
        assert len(links) == 3
        report.get_by_role("button", name="Copy as text").click()
        expect(page.locator(".desk__status")).to_have_text("The report is copied.")
        pasted = page.evaluate("navigator.clipboard.readText()")
        assert pasted.startswith("Mock interview: 1 of 2 known, in 1:15\n\nMissed (1)\n- ")
        assert all(link.evaluate("link => link.href") in pasted for link in links)
        assert sorted(grade for ((_, grade),) in log(page).values()) == [0, 1]
        for slug in log(page):
            entry = page.locator(f"[data-slug={slug}]")
            assert (entry.get_attribute("data-page") or "").startswith(f"{section}/")
            assert entry.get_attribute("data-level") != "advanced"
        report.get_by_role("button", name="Practise what was missed").click()
        assert page.locator(".practice__place").inner_text() == "Question 1 of 1"
        assert page.locator(".desk__status").inner_text() == ""  # the report's last words are gone


def test_an_interview_outlives_a_reload(browser: Browser, site: Site) -> None:
    with at_desk(browser, site, "?practice=interview") as page:
        page.clock.install(time="2026-03-10T12:00:00")
        page.clock.pause_at("2026-03-10T12:00:01")
        go(page, site, "?practice=interview")
        page.get_by_role("button", name="Start").click()
        press(page, "Space", "1")
        question = page.locator(".practice__question").inner_text()
        page.clock.run_for(30_000)
        page.locator(".practice__card").evaluate("() => history.replaceState(null, '', location.pathname)")
        page.reload()
        expect(page.locator(".desk__notices")).to_contain_text("A mock interview is under way: question 2 of 10.")
        page.get_by_role("button", name="Go on with it").click()
        assert focused(page) == page.locator(".practice__question").inner_text() == question
        expect(page.get_by_role("timer")).to_have_text("0:30 of 2:00 · in all 0:30")
        expect(page.locator(".practice__place")).to_contain_text("Question 2 of 10 · 0 known · 1 missed")
        page.get_by_role("button", name="End the interview").click()
        page.reload()
        expect(page.locator(".desk__notice")).to_have_count(0)


def test_a_report_that_cannot_be_copied_is_shown_selected(browser: Browser, site: Site) -> None:
    denied = "Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject() } })"
    with at_desk(browser, site, "?practice=all", script=denied) as page:
        press(page, "Space", "2")
        page.locator("[data-act=end]").click()
        page.get_by_role("button", name="Copy as text").click()
        expect(page.get_by_label("The report as text")).to_be_focused()
        assert page.evaluate("getSelection().toString()").startswith("Practice: 1 of 1 known")


# ------------------------------------------------------------------------------- the list, and who reads it


def test_the_filter_and_its_address(browser: Browser, site: Site) -> None:
    with at_desk(browser, site) as page:
        everything = slugs(page)
        page.get_by_label("Level").select_option("advanced")
        advanced = slugs(page)
        assert 0 < len(advanced) < len(everything)
        levels = page.eval_on_selector_all(
            ".question-entry:not([hidden])", "all => all.map((one) => one.dataset.level)"
        )
        assert set(levels) == {"advanced"}
        page.get_by_label("Section or topic").select_option(index=1)
        page.reload()
        shown = slugs(page)
        assert set(shown) <= set(advanced)
        assert page.locator("output").first.inner_text() == f"{len(shown)} question{'s' * (len(shown) != 1)}"
        page.get_by_label("Text").first.fill("zyzzyva")
        assert slugs(page) == []
        assert page.locator("section[data-section]:visible").count() == 0
        expect(page.get_by_role("button", name="Practise these")).to_be_disabled()
        assert "text=zyzzyva" in page.url
        go(page, site, "?level=none&section=nowhere&progress=x")  # an address of nothing filters nothing
        assert slugs(page) == everything
        assert (
            page.eval_on_selector_all(".question-filter select", "all => all.map((one) => one.selectedIndex)")
            == [0] * 3
        )


def test_a_page_leads_to_the_practice_of_its_questions(browser: Browser, site: Site) -> None:
    name = site.page_with("Practise the questions of this page")
    with opened(browser, address=site.address) as page:
        visit(page, site.address + name)
        asked = page.locator("h2.question").count()
        page.get_by_role("link", name="Practise the questions of this page").click()
        expect(page.locator(".practice__place")).to_have_text(f"Question 1 of {asked}")
        page.go_back()
        assert page.url == site.address + name


def test_without_scripts_the_page_is_the_whole_list(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.address + QUESTIONS)
    rows = json.loads((site.folder / "questions.json").read_text("utf-8"))
    entries = page.locator(".question-entry")
    assert entries.count() == len(rows) > 0
    assert page.locator(".desk").is_hidden()
    for place in (0, len(rows) - 1):
        entry = entries.nth(place)
        entry.locator("summary").click()
        assert entry.locator("p").first.is_visible()
        assert rows[place]["short_answer"].split()[0].strip("`*$") in entry.inner_text()
        assert entry.get_by_role("link").last.is_visible()
    context.close()


def steps(page: Page) -> Iterator[str]:
    """Go through everything that the desk can show, and name what it shows now."""
    yield "list"
    page.locator(".progress summary").click()
    page.get_by_role("button", name="Delete all").click()
    yield "progress and a notice"
    page.get_by_role("button", name="Practise these").click()
    yield "question"
    press(page, "Space")
    yield "answer"
    press(page, "1", "Space", "2")
    page.locator("[data-act=end]").click()
    yield "end"
    page.get_by_role("button", name="Back to the list").click()
    page.get_by_role("button", name="Mock interview").click()
    yield "interview"
    page.get_by_role("button", name="Start").click()
    press(page, "Space", "1")
    yield "timed question"
    page.get_by_role("button", name="End the interview").click()
    yield "report"


@pytest.mark.parametrize("size", [SMALL, PHONE], ids=["360", "390"])
def test_nothing_sticks_out_on_a_phone(browser: Browser, site: Site, size: tuple[int, int]) -> None:
    with at_desk(browser, site, size=size) as page:
        page.emulate_media(reduced_motion="reduce")
        faults = {name: looking.too_wide(page) + small_targets(page) + unreadable(page) for name in steps(page)}
    assert len(faults) == 8
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_whatever_the_desk_shows(browser: Browser, site: Site, scheme: str) -> None:
    faults = {}
    with at_desk(browser, site, scheme=scheme) as page:
        page.emulate_media(reduced_motion="reduce")  # colours do not change slowly
        for name in steps(page):
            faults[name] = [one["id"] for one in Axe().run(page).response["violations"]]
        assert {name: found for name, found in faults.items() if found} == {}
        assert len(faults) == 8
        page.locator(".report h2").evaluate("one => one.insertAdjacentHTML('afterend', '<button></button>')")
        assert [one["id"] for one in Axe().run(page).response["violations"]] == ["button-name"]  # a planted one


def small_targets(page: Page) -> list[str]:
    """Find buttons of the desk too small for a finger: 24 CSS pixels by WCAG 2.2."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".desk :is(button, select, summary, label.md-button)")]
            .filter((one) => one.checkVisibility())
            .filter((one) => Math.min(one.offsetWidth, one.offsetHeight) < 24)
            .map((one) => `${one.textContent.trim()}: ${one.offsetWidth} x ${one.offsetHeight}`)"""
    )


def unreadable(page: Page) -> list[str]:
    """Find buttons of the desk whose words have the colour of their ground while they have the focus."""
    return page.evaluate(
        """() => {
            const before = document.activeElement;
            const ground = (one) => {
                const colour = getComputedStyle(one).backgroundColor;
                return /, 0\\)$/.test(colour) && one.parentElement ? ground(one.parentElement) : colour;
            };
            const found = [...document.querySelectorAll(".desk button:not(:disabled)")]
                .filter((one) => one.checkVisibility())
                .filter((one) => (one.focus(), getComputedStyle(one).color === ground(one)))
                .map((one) => `${one.textContent.trim()}: unreadable`);
            before.focus();
            return found;
        }"""
    )


def test_what_a_screen_reader_hears(browser: Browser, site: Site) -> None:
    with at_desk(browser, site) as page:
        search = page.get_by_role("search", name="Filter the questions")
        for name in ("Section or topic", "Level", "Progress"):
            expect(search.get_by_role("combobox", name=name)).to_be_visible()
        expect(search.get_by_role("searchbox", name="Text")).to_be_visible()
        expect(page.locator("output").first).to_have_attribute("aria-live", "polite")
        search.get_by_role("button", name="Practise these").click()
        practice = page.get_by_role("region", name="Practice", exact=True)
        expect(practice.get_by_role("heading", level=2)).to_be_focused()
        expect(practice.get_by_role("button", name="Previous question")).to_be_disabled()
        expect(practice.get_by_role("group", name="Short answer")).to_have_count(0)
        practice.get_by_role("button", name="Show the answer").click()
        expect(practice.get_by_role("group", name="Short answer")).to_be_focused()
        assert practice.get_by_role("button", name="Show the answer").count() == 0
        practice.get_by_role("button", name="Knew it").click()
        status = page.locator(".desk__status")
        expect(status).to_have_attribute("role", "status")
        assert status.inner_text().startswith("Knew it. It is due again in ")
        assert repeated_ids(page) == []
        unnamed = page.locator(".desk").evaluate(
            "desk => [...desk.querySelectorAll('button, input, select, textarea')]"
            ".filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel)).length"
        )
        assert unnamed == 0


def test_still_when_motion_is_unwelcome(browser: Browser, site: Site) -> None:
    with at_desk(browser, site, "?practice=all") as page:
        page.emulate_media(reduced_motion="reduce")
        press(page, "Space")
        assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0
