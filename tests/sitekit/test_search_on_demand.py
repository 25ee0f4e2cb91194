"""The search index is not loaded until somebody searches."""

from pathlib import Path

import pytest

from sitekit.search_on_demand import AT_ONCE, defer


def bundle(site: Path, script: str) -> Path:
    path = site / "assets" / "javascripts" / "bundle.0123.min.js"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    return path


def test_the_script_waits(tmp_path: Path) -> None:
    path = bundle(tmp_path, f"L($({AT_ONCE}Je('search'))")
    defer(tmp_path)
    assert path.read_text() == "L($(!1),Je('search'))"


@pytest.mark.parametrize("script", ["", AT_ONCE * 2])
def test_another_script_is_an_error(tmp_path: Path, script: str) -> None:
    path = bundle(tmp_path, script)
    with pytest.raises(ValueError, match=r"bundle\.0123\.min\.js holds .* times, not once"):
        defer(tmp_path)
    assert path.read_text() == script


def test_no_script_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the site has no script"):
        defer(tmp_path)
