"""The figures of the pages: drawn from the code that is shown, themed, small, stable; each fault at its line."""

import base64
import gzip
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sitekit import figure_style, figures, running
from sitekit.errors import PageError
from sitekit.fences import Fence
from sitekit.figure_paths import relative_path, rounded

ROOT = Path(__file__).parents[2]
ALT = 'A line that rises from "zero" & ends at one.'
LINE = "import matplotlib.pyplot as plt\n"


def fence(code: str, identifier: str = "fig-line", **attributes: str) -> Fence:
    return Fence(
        Path("docs/page.md"), 40, 60, "", "", LINE + code, "python", ("figure",), identifier, {"alt": ALT} | attributes
    )


def drawn(code: str, tmp_path: Path) -> ET.Element:
    return ET.fromstring(figures.render(fence(code), tmp_path))


def words(svg: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in svg.iter("text")]


EVERYTHING = """
import numpy as np
fig, axes = plt.subplots(2, 2, figsize=(5.2, 5))
x = np.linspace(0.1, 2, 300)
axes[0, 0].plot(x, np.sin(x), label="sine")
axes[0, 0].legend()
axes[0, 1].scatter(x[::9], x[::9], c=x[::9])
axes[1, 0].imshow(np.eye(3))
axes[1, 1].boxplot([x, x + 1])
axes[1, 1].annotate("here", (1, 1), (1.2, 2.5), arrowprops={"arrowstyle": "->"})
axes[1, 1].set_title("a <title> & more")
fig.colorbar(axes[1, 0].images[0])
"""


# ------------------------------------------------------------------ one drawing, both schemes


def test_a_figure_takes_the_colors_and_the_font_of_the_page(tmp_path: Path) -> None:
    svg = figures.render(fence(EVERYTHING), tmp_path)
    assert "currentColor" in svg
    assert f"var(--fig-0,{figure_style.CYCLE[0]})" in svg
    assert figure_style.TEXT not in svg
    assert "font-family" not in svg
    assert not re.search(r"DejaVu|<style|<metadata|<!--|<\?xml|DOCTYPE|#000000|#ffffff", svg)
    assert {"sine", "here", "a <title> & more"} <= set(words(ET.fromstring(svg)))


def test_a_figure_has_a_name_and_scales(tmp_path: Path) -> None:
    svg = drawn("plt.plot([0, 1])", tmp_path)
    assert (svg.get("role"), svg.get("aria-label")) == ("img", ALT)
    assert svg.get("data-search-exclude") == ""
    assert (svg.get("viewBox"), svg.get("width"), svg.get("height")) == ("0 0 374.4 216", "499", "288")
    assert svg.get("style") == "max-width:100%;height:auto"


def test_ids_are_those_of_the_figure_and_all_are_used(tmp_path: Path) -> None:
    svg = figures.render(fence(EVERYTHING), tmp_path)
    ids = re.findall(r' id="([^"]*)"', svg)
    used = {*re.findall(r'href="#([^"]*)"', svg), *re.findall(r"url\(#([^)]*)\)", svg)}
    assert len(ids) == len(set(ids)) > 3
    assert set(ids) == used
    assert all(name.startswith("fig-line-") for name in ids)
    other = figures.render(fence(EVERYTHING, "fig-other"), tmp_path)
    assert other.replace("fig-other-", "fig-line-") == svg


def test_every_run_draws_the_same_bytes(tmp_path: Path) -> None:
    script = (
        "from sitekit import figures; from tests.sitekit.test_figures import *;"
        "print(figures.render(fence(EVERYTHING), Path(sys.argv[1])))"
    )
    runs = []
    for seed in ("1", "2"):
        command = [sys.executable, "-c", script, str(tmp_path / seed)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        runs.append(subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout)
    assert runs[0] == runs[1]
    assert len(runs[0]) > 5000


def test_text_can_be_read_on_a_phone(tmp_path: Path) -> None:
    svg = figures.render(fence(EVERYTHING), tmp_path)
    sizes = re.findall(r"font-size(?::|=\")([\d.]+)px", svg)
    assert min(map(float, sizes)) * 350 / 374.4 >= 11


def test_a_colored_label_takes_part_of_the_color_of_text(tmp_path: Path) -> None:
    svg = drawn('plt.plot([0, 1])\nplt.text(0, 0, "here", color="C2")', tmp_path)
    (text,) = (text for text in svg.iter("text") if text.text == "here")
    assert text.get("style") == "fill:color-mix(in srgb,var(--fig-2,#0d7d69) 68%,currentColor)"


def test_powers_are_text(tmp_path: Path) -> None:
    svg = drawn("plt.loglog([1e-3, 1e4], [1, 8], base=10)\nplt.yscale('log', base=2)", tmp_path)
    assert {"10⁻³", "10⁴", "2⁰", "2³"} <= set(words(svg))
    narrow = drawn("plt.semilogy([2e5, 3e5])\nplt.gca().yaxis.set_label_text('y')", tmp_path)
    assert {"2·10⁵", "3·10⁵"} <= set(words(narrow))
    symmetric = drawn("plt.plot([-1e3, 1e3])\nplt.yscale('symlog')", tmp_path)
    assert {"−10³", "0", "10³"} <= set(words(symmetric))


@pytest.mark.parametrize("cmap", ["", ', cmap="RdBu"', ', cmap="coolwarm"'])
def test_a_heat_map_is_the_page_where_it_is_empty(tmp_path: Path, cmap: str) -> None:
    svg = drawn(f"plt.imshow([[0, 0.5, 1]]{cmap})", tmp_path)
    (image,) = svg.iter("image")
    data = image.attrib["href"].partition("base64,")[2]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))[0]
    assert pixels.shape == (3, 4)
    empty, full = (1, (0, 2)) if cmap else (0, (2,))
    assert pixels[empty, 3] < 15
    assert all(pixels[place, 3] == 255 for place in full)
    if cmap:  # RdBu ends in blue, coolwarm begins with it
        blue = 2 if "RdBu" in cmap else 0
        assert pixels[blue, 2] > pixels[blue, 0]
        assert pixels[2 - blue, 2] < pixels[2 - blue, 0]
    assert image.get("style") == "image-rendering:pixelated"


def test_a_grey_picture_is_stored_as_grey_and_keeps_its_pixels(tmp_path: Path) -> None:
    code = "import numpy as np\nplt.imshow(np.arange(256).reshape(16, 16), cmap='gray', vmin=0, vmax=255)"
    (image,) = drawn(code, tmp_path).iter("image")
    picture = Image.open(io.BytesIO(base64.b64decode(image.attrib["href"].partition("base64,")[2])))
    assert picture.mode == "L"
    assert np.abs(np.asarray(picture).ravel() - np.arange(256.0)).max() <= 1  # the colour map rounds


def test_marks_colored_by_value_can_all_be_seen(tmp_path: Path) -> None:
    svg = figures.render(fence("plt.scatter([0, 1, 2], [0, 1, 2], c=[0, 1, 2])"), tmp_path)
    assert len(re.findall(r"fill:#(?:4468c8|ac882c)", svg)) == 2


@pytest.mark.parametrize(
    ("code", "directions"),
    [
        ("plt.plot([0, 1])", {"across", "up"}),
        ("plt.imshow([[0, 1]])", set()),
        ("plt.pcolormesh([[0, 1], [1, 2]], rasterized=True)", set()),
        ("plt.contourf([[0, 1], [1, 2]])", set()),
        ("plt.bar([0, 1], [2, 3])", {"across"}),
        ("plt.barh([0, 1], [2, 3])", {"up"}),
    ],
)
def test_the_grid_runs_where_it_helps(tmp_path: Path, code: str, directions: set[str]) -> None:
    lines = [path for path in drawn(code, tmp_path).iter("path") if "opacity:0.16" in path.get("style", "")]
    assert {"across" if path.attrib["d"].endswith(" 0") else "up" for path in lines} == directions


# ------------------------------------------------------------------ small


def test_a_figure_is_small(tmp_path: Path) -> None:
    code = (
        "import numpy as np\nx = np.linspace(0, 9, 1000)\nplt.plot(x, np.sin(x))\nplt.scatter(x[::5], np.cos(x[::5]))"
    )
    svg = figures.render(fence(code), tmp_path)
    assert len(svg) < 18_000
    assert len(gzip.compress(svg.encode())) < 6_000
    assert len(re.findall("<use", svg)) >= 200
    assert svg.count("<g clip-path=") == 1
    assert svg.count("style=") < 30


def test_a_picture_may_be_cut_out(tmp_path: Path) -> None:
    code = "image = plt.imshow([[0, 1]])\nimage.set_clip_path(plt.Circle((0.5, 0), 0.5, transform=plt.gca().transData))"
    (clip,) = drawn(code, tmp_path).iter("clipPath")
    assert [child.tag for child in clip] == ["path"]


@given(
    st.lists(
        st.tuples(st.sampled_from("MLQC"), st.lists(st.floats(-500, 500), min_size=6, max_size=6)),
        min_size=1, max_size=20,
    ),
    st.booleans(),
)  # fmt: skip
def test_a_relative_path_goes_through_the_same_points(commands: list[tuple[str, list[float]]], closed: bool) -> None:
    commands = [("M", commands[0][1]), *commands]
    counts = {"M": 2, "L": 2, "Q": 4, "C": 6}
    path = "\n".join(f"{letter} {' '.join(map(str, n[: counts[letter]]))} " for letter, n in commands)
    path += "\nz\nL 1 1" if closed else ""
    assert np.array(followed(relative_path(path))) == pytest.approx(np.array(followed(path)), abs=0.00501)


def followed(path: str) -> list[tuple[float, float]]:
    """Return the corners of a path, absolute or relative, each once."""
    points: list[tuple[float, float]] = []
    at = start = (0.0, 0.0)
    for letter, rest in re.findall(r"([a-zA-Z])((?:[^a-zA-Z]|e-)*)", path):
        numbers = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?", rest)]
        if letter == "z":
            at = start
            continue
        base = at if letter.islower() else (0.0, 0.0)
        pairs = [(base[0] + x, base[1] + y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        at = pairs[-1]
        start = at if letter in "mM" else start
        points += [pair for pair in pairs if letter not in "lL" or rounded_pair(pair) != rounded_pair(points[-1])]
    return points


def rounded_pair(pair: tuple[float, float]) -> tuple[int, int]:
    return round(100 * pair[0]), round(100 * pair[1])


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0"), (-0.04, "0"), (12.0, "12"), (100.0, "100"), (1.26, "1.3"), (-0.5, "-0.5")]
)
def test_numbers_are_rounded(value: float, text: str) -> None:
    assert rounded(value) == text


def test_a_figure_too_large_is_refused(tmp_path: Path) -> None:
    code = "import numpy as np\nplt.scatter(*np.random.default_rng(0).normal(size=(2, 5000)){})"
    with pytest.raises(PageError, match=r"page\.md:40: the figure weighs \d+ KB and a page bears 100: draw fewer"):
        figures.render(fence(code.format("")), tmp_path)
    assert "<image" in figures.render(fence(code.format(", rasterized=True")), tmp_path)


# ------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("x = 1", "40: a .figure fence draws one figure with pyplot; this draws no figure"),
        ("plt.figure()\nplt.figure()", "40: a .figure fence draws one figure with pyplot; this draws 2 figures"),
        ("\nplt.plot([0, 1])\n1 / 0", "44: ZeroDivisionError: division by zero"),
        ("plt.plot([0, 1]", "42: SyntaxError: '(' was never closed"),
        ("plt.plot([0, 1])\nplt.show()", "43: the page shows the figure itself: leave out plt.show()"),
        ("plt.plot([0])\nplt.savefig('x.png')", "43: the page shows the figure itself: leave out plt.savefig()"),
        (
            "plt.plot([0, 1])\nplt.axhline(0, color='k')",
            "43: the colour #000000 would vanish on a light or a dark page",
        ),
        ("plt.plot([0, 1], 'k--')", "42: the colour #000000 would vanish"),
        ("plt.plot([0, 1], c='black')", "42: the colour #000000 would vanish"),
        ("plt.hist([0, 1], edgecolor='w')", "42: the colour #ffffff would vanish"),
        ("plt.text(0, 0, 'x', color='black')", "42: the colour #000000 would vanish"),
        ("plt.bar([0], [1], color='white')", "42: the colour #ffffff would vanish"),
        ("plt.plot([0, 1], color='0.1')", "42: the colour #1a1a1a would vanish"),
        ("plt.plot([0, 1], color=(1, 1, 0))", "40: the colour #ffff00 would vanish"),
        ("plt.fill_between([0, 1], [1, 2], color='navy', alpha=0.1)", "42: the colour #000080 would vanish"),
        ("plt.title('$x^2$')\nplt.plot([0])", "40: the text 'x2' is set as mathematics"),
        ("plt.figure(figsize=(9, 3))\nplt.plot([0])", "40: the text '−0.04' would be 6.5 pixels high on a phone"),
        ("plt.plot([0])\nplt.title('small', fontsize=9)", "40: the text 'small' would be 8.4 pixels high on a phone"),
        ("plt.title('鼎')\nplt.plot([0])", "40: the figure cannot be drawn: Glyph 40718"),
        ("import warnings\nwarnings.warn('old')", "43: UserWarning: old"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, code: str, fault: str) -> None:
    with pytest.raises(PageError) as caught:
        figures.render(fence(code), tmp_path)
    assert str(caught.value).startswith(f"docs/page.md:{fault}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("color", ["C0", "C6", "gray", "tab:orange", "red", "#5088f5"])
def test_a_color_that_both_pages_bear_is_left(tmp_path: Path, color: str) -> None:
    assert "<path" in figures.render(fence(f"plt.plot([0, 1], color={color!r})"), tmp_path)


@pytest.mark.parametrize(
    ("identifier", "attributes", "fault"),
    [
        ("fig", {"alt": ""}, "alt='' does not tell what one sees"),
        ("fig", {"alt": "a plot"}, "alt='a plot' does not tell what one sees: say in a sentence (20 letters or more)"),
        ("fig", {"alt": "x" * 30}, "does not tell what one sees"),
        ("", {}, "a figure needs an id"),
        ("fig line", {}, "a figure needs an id of letters, digits and '-'"),
        ("fig", {"raises": "ValueError"}, "a figure is drawn on every machine: it cannot have raises="),
        ("fig", {"requires": "cuda"}, "a figure is drawn on every machine: it cannot have requires="),
    ],
)
def test_a_figure_needs_an_id_and_a_sentence(
    tmp_path: Path, identifier: str, attributes: dict[str, str], fault: str
) -> None:
    with pytest.raises(PageError, match=re.escape(f"docs/page.md:40: {fault}") + "|" + re.escape(fault)) as caught:
        figures.render(fence("plt.plot([0])", identifier, **attributes), tmp_path)
    assert caught.value.line == 40


# ------------------------------------------------------------------ the cache


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "__init__": "",
        "base": "top = 1\n",
        "curve": "from dlref_x.base import top\n",
        "other": "",
    }.items():
        path = tmp_path / "dlref_x" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


USER, STRANGER = "import dlref_x.curve", "import dlref_x.other"


@pytest.mark.parametrize(("module", "changed"), [("base", 1), ("curve", 1), ("other", 2), ("__init__", 3)])
def test_a_changed_module_draws_the_figures_of_its_users_again(tree: Path, module: str, changed: int) -> None:
    before = [figures.key(fence(code), tree) for code in (USER, STRANGER)]
    (tree / f"dlref_x/{module}.py").write_text("top = 2\n", "utf-8")
    after = [figures.key(fence(code), tree) for code in (USER, STRANGER)]
    assert [old != new for old, new in zip(before, after, strict=True)] == [bool(changed & 1), bool(changed & 2)]


def test_the_key_knows_the_code_the_libraries_and_the_style(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {figures.key(fence("plt.plot([0])")), figures.key(fence("plt.plot([1])"))}
    for library in ("", "matplotlib", "numpy", "torch", "scikit-learn"):
        with monkeypatch.context() as patch:
            patch.setattr(figures, "version", lambda name, other=library: "0.1" if name == other else "9")
            figures._machinery.cache_clear()
            keys.add(figures.key(fence("plt.plot([0])")))
    read_text = Path.read_text
    for source in ("figures.py", "figure_style.py", "figure_svg.py", "figure_colors.py", "figure_paths.py"):
        with monkeypatch.context() as patch:
            patch.setattr(
                Path, "read_text", lambda p, *a, s=source, **k: "new" if p.name == s else read_text(p, *a, **k)
            )
            figures._machinery.cache_clear()
            keys.add(figures.key(fence("plt.plot([0])")))
    figures._machinery.cache_clear()
    assert len(keys) == 12


def test_a_cached_figure_is_not_drawn_again_and_takes_its_new_words(tmp_path: Path) -> None:
    first = figures.render(fence("plt.plot([0])"), tmp_path)
    (entry,) = tmp_path.iterdir()
    entry.write_text(entry.read_text("utf-8").replace("<path", '<path data-kept=""', 1), "utf-8")
    again = figures.render(fence("plt.plot([0])", alt="Another sentence about the line."), tmp_path)
    assert "data-kept" in again
    assert 'aria-label="Another sentence about the line."' in again
    assert "data-kept" not in first


def test_a_cached_figure_needs_no_matplotlib(tmp_path: Path) -> None:
    figures.render(fence("plt.plot([0])"), tmp_path)
    script = (
        "import sys; from pathlib import Path; from sitekit import figures, fences;"
        "print(len(figures.render(fences.Fence(Path('p'), 1, 9, '', '', sys.argv[2], id='fig', "
        "attributes={'alt': 'A line that lies flat.'}), Path(sys.argv[1]))), 'matplotlib' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), fence("plt.plot([0])").code]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert output.split()[1] == "False"


def test_a_served_site_draws_with_the_code_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that the build has imported once is not drawn with when it has changed."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "dlref"}
    module = tmp_path / "dlref" / "__init__.py"
    module.parent.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    code = "import dlref\nplt.plot([0])\nplt.title(dlref.name)"
    titles = []
    for name in ("first", "second time"):
        module.write_text(f"name = {name!r}\n", "utf-8")
        titles.append(words(ET.fromstring(figures.render(fence(code), tmp_path / "cache", tmp_path)))[-1])
    sys.modules.update(kept)
    assert titles == ["first", "second time"]


# ------------------------------------------------------------------ the style


def test_the_style_is_put_back() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    with figure_style.use():
        assert matplotlib.rcParams["figure.figsize"] == [5.2, 3.0]
    assert dict(matplotlib.rcParams) == before


def test_the_style_knows_no_settings_of_the_machine() -> None:
    import matplotlib

    with matplotlib.rc_context({"lines.dashed_pattern": [9, 9]}), figure_style.use():
        assert matplotlib.rcParams["lines.dashed_pattern"] == [3.7, 1.6]


def test_a_figure_leaves_nothing_behind(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    plt.plot([0, 1], [5, 6])
    svg = drawn("plt.rcParams['font.size'] = 20\nplt.plot([0])", tmp_path)
    assert "5.0" not in words(svg)
    assert not plt.get_fignums()
    assert plt.rcParams["font.size"] != 20


def test_a_snippet_runs_under_the_style_as_a_test() -> None:
    with figure_style.use():
        running.check(LINE + "plt.plot([0, 1])\nprint(plt.rcParams['lines.linewidth'])\n#> 2.2", "docs/page.md")
        with pytest.raises(PageError, match="UserWarning"):
            running.check(LINE + "plt.plot([0, 1])\nplt.legend()", "docs/page.md")
