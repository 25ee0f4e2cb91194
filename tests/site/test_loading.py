"""A first visit: light, of few requests, and nothing moves while fonts come late or the reader scrolls.

Shifts are judged against fonts of a reader's machine: Arial or its like (Debian: fonts-liberation) must be installed.
"""

import pytest
from playwright.sync_api import Browser

from tests.site.kinds import kinds, topics
from tests.site.loading import Load, load, restyled
from tests.site.looking import DESKTOP, PHONE, opened, plant
from tests.site.serving import Site

MOST_KILOBYTES, MOST_REQUESTS, MOST_SHIFT, MOST_RESTYLED = 250, 28, 0.02, 2.5


def faults(first: Load) -> list[str]:
    """Return what is too much in a first load."""
    judged = {
        "heavy": first.kilobytes > MOST_KILOBYTES,
        "many requests": len(first.bytes) > MOST_REQUESTS,
        "moves": first.shift > MOST_SHIFT,
    }
    return [f"{name}: {first}" for name, wrong in judged.items() if wrong]


def test_every_topic_is_light_and_still(browser: Browser, site: Site) -> None:
    found = {}
    for name in topics(site):
        with opened(browser, size=PHONE) as page:
            first = load(page, site.address + name, late_fonts=True)
        assert len(first.bytes) > 5, name
        found[name] = faults(first)
    assert len(found) > 15
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("late", [False, True], ids=["fonts in time", "fonts late"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_kind_of_page_is_light_and_still(browser: Browser, site: Site, size: tuple[int, int], late: bool) -> None:
    found = {}
    for name in {kind.page for kind in kinds(site).values() if (site.folder / kind.page / "index.html").is_file()}:
        with opened(browser, size=size) as page:
            first = load(page, site.address + name, late_fonts=late)
        found[name] = faults(first)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_no_style_is_worked_out_time_and_again(browser: Browser, site: Site) -> None:
    times = {}
    for name in {kind.page for kind in kinds(site).values() if (site.folder / kind.page / "index.html").is_file()}:
        with opened(browser, size=PHONE) as page:
            times[name] = restyled(browser, page, site.address + name)
    assert all(0.2 < each < MOST_RESTYLED for each in times.values()), times


def test_a_style_that_is_worked_out_again_would_be_noticed(browser: Browser, site: Site) -> None:
    every = "<style>[data-md-color-switching] * { transition-duration: 0s !important }</style>"  # as Material has it
    with opened(browser, size=PHONE) as page:
        plant(page, site.address + "questions/", lambda html: html.replace("</head>", f"{every}</head>"))
        assert restyled(browser, page, site.address + "questions/") > MOST_RESTYLED


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("<style>h1 { content-visibility: auto; contain-intrinsic-size: auto 40rem }</style>", "moves"),
        ("<style>@font-face { font-family: Late; src: url(assets/fonts/inter-latin.woff2); font-display: swap }"
         " :root { --md-text-font: Late, 'Courier New', monospace !important }</style>", "moves"),
        ('<script src="search/search_index.json" type="text/plain"></script><link rel="preload" as="fetch"'
         ' href="search/search_index.json" crossorigin>', "heavy"),
        ("".join(f'<link rel="stylesheet" href="assets/katex/katex.min.css?{n}">' for n in range(30)), "many requests"),
    ],
)  # fmt: skip
def test_a_planted_burden_is_noticed(browser: Browser, site: Site, head: str, fault: str) -> None:
    with opened(browser, size=PHONE) as page:
        plant(page, site.address, lambda html: html.replace("</head>", f"{head}</head>"))
        wrong = faults(load(page, site.address, late_fonts=True))
    assert any(one.startswith(fault) for one in wrong), wrong
