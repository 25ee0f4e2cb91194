"""Lighthouse gives every kind of page all points for accessibility, best practices and search engines."""

from pathlib import Path

from tests.site.lighthouse import HARD, audits, pages
from tests.site.serving import Site, serve

WORST = """<!doctype html><html><head><meta charset="utf-8"><meta name="robots" content="noindex"></head>
<body><img src="x.png"><button></button><a href="javascript:void 0">here</a><script>null.x</script></body></html>"""


def test_every_kind_of_page_has_all_points(site: Site) -> None:
    done = audits(list(pages(site).values()))
    assert len(done) == len(pages(site)) > 7
    assert [one for one in done if one.scores != dict.fromkeys(HARD, 1)] == []
    assert not any(one.error for one in done)


def test_a_bad_page_has_few(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(WORST, "utf-8")
    with serve(tmp_path) as address:
        (audit,) = audits([address])
    assert all(score < 0.95 for score in audit.scores.values()), audit
    found = {fault.split()[0] for fault in audit.faults}
    assert {"image-alt", "document-title", "errors-in-console", "is-crawlable"} <= found
