"""Material's script is edited as it is known, or not at all."""

from pathlib import Path

import pytest

from sitekit.theme_script import EDITS, lighten

KNOWN = " ".join(old for old, _ in EDITS)


def bundle(site: Path, script: str) -> Path:
    path = site / "assets" / "javascripts" / "bundle.0123.min.js"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    return path


def test_the_script_is_edited(tmp_path: Path) -> None:
    path = bundle(tmp_path, f"a{KNOWN}b")
    lighten(tmp_path)
    assert path.read_text() == "a" + " ".join(new for _, new in EDITS) + "b"


@pytest.mark.parametrize("script", ["", KNOWN * 2, *(KNOWN.replace(old, "") for old, _ in EDITS)])
def test_another_script_is_an_error(tmp_path: Path, script: str) -> None:
    path = bundle(tmp_path, script)
    with pytest.raises(ValueError, match=r"bundle\.0123\.min\.js holds .* times, not once"):
        lighten(tmp_path)
    assert path.read_text() == script


def test_no_script_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the site has no script"):
        lighten(tmp_path)
