"""A page runs the scripts that it holds, and no other."""

import base64
import hashlib
from pathlib import Path

import pytest

from sitekit.content_security import policy, protect, with_policy

HEAD = '<html><head><meta charset="utf-8">'


def digest(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def script_sources(page: str) -> list[str]:
    rules = dict(rule.split(" ", 1) for rule in policy(page).split("; "))
    return rules["script-src"].split()


def test_each_inline_script_is_allowed_by_its_hash_once() -> None:
    page = "<script>a()</script><script >b(\n)</script><script>a()</script>"
    assert script_sources(page) == ["'self'", digest("a()"), digest("b(\n)")]


def test_files_and_data_need_no_hash() -> None:
    page = '<script src="a.js"></script><script type="application/json">{}</script><script type="module">c()</script>'
    page += '<script type="speculationrules">{"prefetch": []}</script>'
    assert script_sources(page) == ["'self'", digest("c()"), digest('{"prefetch": []}')]


def test_nothing_is_allowed_that_is_not_named() -> None:
    rules = policy("").split("; ")
    assert "default-src 'self'" in rules
    assert {f"{kind}-src 'none'" for kind in ("child", "media", "object", "manifest")} <= set(rules)
    assert not any("*" in rule or "http" in rule or "unsafe-eval" in rule for rule in rules)
    assert [rule for rule in rules if "unsafe-inline" in rule] == ["style-src 'self' 'unsafe-inline'"]


def test_the_policy_stands_before_what_it_governs() -> None:
    page = with_policy(HEAD + "<script>a()</script>")
    assert page.index("Content-Security-Policy") < page.index("<script>")
    assert digest("a()") in page


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (HEAD + '<a onclick="x()">', "the policy forbids the inline handler onclick"),
        ("<html><script>a()</script>", "no <meta charset"),
    ],
)
def test_a_page_that_cannot_have_a_policy_is_named(tmp_path: Path, page: str, message: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "page.html").write_text(page)
    with pytest.raises(ValueError, match=f"^deep/page.html: .*{message}"):
        protect(tmp_path)


def test_text_that_speaks_of_handlers_is_no_handler() -> None:
    assert "onclick" in with_policy(HEAD + "<p>write onclick = 1</p><script>x.onclick = 1</script>")
