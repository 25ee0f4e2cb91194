"""Every built page against the standard of HTML, by html-validate."""

import json
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.site.node import run
from tests.site.serving import Site

VALIDATOR = "node_modules/html-validate/bin/html-validate.mjs"


def invalid(folder: Path, report: Path) -> list[str]:
    """Have a report written; return each fault of the pages below a folder: page, line, rule, and what it says."""
    pages = sorted(map(str, folder.rglob("*.html")))
    done = run(VALIDATOR, "--config", ".htmlvalidate.json", "--formatter", f"json={report}", *pages)
    assert done.returncode in (0, 1), done.stderr
    return [
        f"{Path(page['filePath']).relative_to(folder)}:{fault['line']}: {fault['ruleId']}: {fault['message']}"
        for page in json.loads(report.read_text("utf-8"))
        for fault in page["messages"]
    ]


PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}


def unsound(html: str) -> list[str]:
    """Find formulas that a browser draws as an error: html-validate knows nothing of MathML."""
    page = LexborHTMLParser(html)
    return [
        (element.html or "")[:80]
        for name, parts in PARTS.items()
        for element in page.css(name)
        if len(list(element.iter())) != parts
    ]


def test_every_formula_is_sound(site: Site) -> None:
    pages = {name: (site.folder / name / "index.html").read_text("utf-8") for name in site.pages}
    assert sum(html.count("<msub>") for html in pages.values()) > 100
    assert {name: found for name, html in pages.items() if (found := unsound(html))} == {}
    good = "<math><msub><mi>x</mi><mn>1</mn></msub></math>"
    assert unsound(good) == []
    assert unsound(good.replace("</msub>", "<mo>!</mo></msub>")) == ["<msub><mi>x</mi><mn>1</mn><mo>!</mo></msub>"]


def test_every_page_is_valid(site: Site, tmp_path: Path) -> None:
    assert invalid(site.folder, tmp_path / "report.json") == []


PAGE = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>x</title></head><body>{}</body></html>'


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("planted")
    for rule, body in FAULTS.items():
        (folder / f"{rule}.html").write_text(PAGE.format(body), "utf-8")
    (folder / "good.html").write_text(PAGE.format("<p>x</p><svg role='img'><title>y</title></svg>"), "utf-8")
    return invalid(folder, folder / "report.json")


FAULTS = {
    "no-dup-id": '<p id="a"></p><p id="a"></p>',
    "close-order": "<div><em>x</div></em>",
    "element-permitted-content": "<ul><p>x</p></ul>",
    "attribute-allowed-values": '<input type="what">',
    "no-dup-attr": '<p class="a" class="b">x</p>',
    "deprecated": "<center>x</center>",
    "void-content": "</br>",
    "unrecognized-char-ref": "<p>&nothing;</p>",
    "no-missing-references": '<label for="nowhere">x</label>',
    "element-required-attributes": "<img alt=''>",
}


@pytest.mark.parametrize("rule", FAULTS)
def test_a_planted_fault_is_found(planted: list[str], rule: str) -> None:
    assert any(fault.startswith(f"{rule}.html:1: {rule}: ") for fault in planted), planted


def test_a_good_page_has_none(planted: list[str]) -> None:
    assert not [fault for fault in planted if fault.startswith("good.html")]
