"""The stylesheets of a built site become one."""

from pathlib import Path

import material
import pytest

from sitekit.styles import SWITCHING, join


def link(path: str) -> str:
    return f'    <link rel="stylesheet" href="{path}">\n'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for path, style in {
        "assets/stylesheets/main.1a.min.css": '@charset "UTF-8";html{color:red}\n/*# sourceMappingURL=main.css.map */',
        "assets/_mkdocstrings.css": "b{icon:url('data:x')}",
        "assets/css/dlref.css": 'a { src: url("../fonts/x.woff2"); marker: url("#tip") }',
        "assets/katex/katex.min.css": ".katex{src:url(fonts/x)}",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(style, "utf-8")
    return tmp_path


def head(root: str, *more: str) -> str:
    own = ["assets/stylesheets/main.1a.min.css", "assets/_mkdocstrings.css", "assets/css/dlref.css"]
    links = [link(root + own[0]), *(link(root + one) for one in more), *(link(root + one) for one in own[1:])]
    return f"<head>\n{''.join(links)}</head>"


def test_pages_ask_once_in_the_order_of_before(site: Path) -> None:
    (site / "sub").mkdir()
    (site / "index.html").write_text(head(""), "utf-8")
    (site / "sub/index.html").write_text(head("../", "assets/katex/katex.min.css"), "utf-8")
    (site / "404.html").write_text(head("/dlref/"), "utf-8")
    join(site)
    (bundle,) = site.glob("assets/css/site.*.css")
    assert bundle.read_text("utf-8") == (
        'html{color:red}\nb{icon:url(\'data:x\')}\na { src: url("../fonts/x.woff2"); marker: url("#tip") }\n'
    )
    path = f"assets/css/{bundle.name}"
    pages = [(site / name).read_text("utf-8") for name in ("index.html", "sub/index.html", "404.html")]
    assert pages[0] == f'<head>\n<link rel="stylesheet" href="{path}">\n</head>'
    assert pages[1] == (
        f'<head>\n<link rel="stylesheet" href="../{path}">\n{link("../assets/katex/katex.min.css")}</head>'
    )
    assert pages[2] == f'<head>\n<link rel="stylesheet" href="/dlref/{path}">\n</head>'


def test_another_style_gives_another_name(site: Path) -> None:
    for style in ("a{}", "b{}"):
        (site / "assets/css/dlref.css").write_text(style, "utf-8")
        (site / "index.html").write_text(head(""), "utf-8")
        join(site)
    assert len(list(site.glob("assets/css/site.*.css"))) == 2


def test_a_page_without_styles_stays_as_it_is(site: Path) -> None:
    (site / "index.html").write_text("<p>x", "utf-8")
    join(site)
    assert (site / "index.html").read_text("utf-8") == "<p>x"


def test_a_path_that_would_not_hold_elsewhere_is_an_error(site: Path) -> None:
    (site / "assets/_mkdocstrings.css").write_text("b{icon:url(icons/x.svg)}", "utf-8")
    (site / "index.html").write_text(head(""), "utf-8")
    with pytest.raises(ValueError, match=r"_mkdocstrings.css refers to icons/x.svg"):
        join(site)


def test_the_rule_that_styles_every_element_anew_goes(site: Path) -> None:
    folder = Path(str(material.__file__)).parent / "templates/assets/stylesheets"
    assert sum(style.read_text("utf-8").count(SWITCHING) for style in folder.glob("*.css")) == 1, "Material changed it"
    main = site / "assets/stylesheets/main.1a.min.css"
    main.write_text(f"a{{}}{SWITCHING}b{{}}", "utf-8")
    (site / "index.html").write_text(head(""), "utf-8")
    join(site)
    (bundle,) = site.glob("assets/css/site.*.css")
    assert bundle.read_text("utf-8").startswith("a{}b{}")
