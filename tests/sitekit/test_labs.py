"""Labs: read, run, cached, turned into pages; and every fault reported at its line."""

import base64
import json
import re
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from selectolax.lexbor import LexborHTMLParser

from sitekit import lab_page, lab_source, labs, outline
from sitekit.errors import PageError

ROOT = Path(__file__).resolve().parents[2]
POINT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
FRONT = "# ---\n# title: Small\n# description: A small lab.\n# ---\n\n# %% [markdown]\n# # Small\n\n"
LAB = (
    FRONT
    + """\
# %%
import sys

import matplotlib.pyplot as plt
from tqdm import tqdm

for step in tqdm(range(3)):
    pass
print(1 < 2, "&", sys.version_info >= (3, 11))

# %% [markdown]
# ## A figure
#
# See [the heading](#a-figure), [home](../index.md#top) and [a page](../deep/page.md).

# %%
#| fig-alt: A line that rises
#|   from one to four.
#| code-fold: true
plt.plot([1, 2], [1, 4], label="rise")
plt.legend()

# %%
from IPython.display import HTML

HTML('<img alt="a grey point" width="1" height="1" src="POINT">')

# %%
{"answer": 42}
""".replace("POINT", POINT)
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labs")


@pytest.fixture(scope="module")
def small(cache: Path) -> Path:
    path = cache / "small.py"
    path.write_text(LAB, "utf-8")
    return path


@pytest.fixture(scope="module")
def executed(small: Path, cache: Path) -> NotebookNode:
    return labs.execute(small, cache)


def write(folder: Path, body: str, name: str = "lab.py") -> Path:
    path = folder / name
    path.write_text(FRONT + textwrap.dedent(body), "utf-8")
    return path


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line)


# ------------------------------------------------------------------------------------------------------------ reading


def test_a_cell_knows_its_line_and_its_options(small: Path) -> None:
    notebook = lab_source.read(small)
    code = lab_source.code_cells(notebook)
    assert [cell.id for cell in code] == ["cell-02", "cell-04", "cell-05", "cell-06"]
    assert code[1].metadata.options == {"fig-alt": "A line that rises from one to four.", "code-fold": True}
    assert code[1].source.startswith("plt.plot")
    assert code[1].metadata.line == line_of(small, "plt.plot")
    assert notebook.metadata.front == {"title": "Small", "description": "A small lab."}


def test_the_prose_keeps_its_lines_for_the_checks_of_pages(small: Path) -> None:
    page = outline.parse(lab_source.prose(lab_source.read(small)), small, "labs/small")
    assert [(heading.text, heading.line) for heading in page.headings] == [
        ("Small", line_of(small, "# # Small")),
        ("A figure", line_of(small, "## A figure")),
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# %%\nx = 1\n", 1, "begins with front matter"),
        ("# ---\n# title: [\n# ---\n\n# %%\nx = 1\n", 1, "no YAML"),
        ("# ---\n# title: A\n# ---\n\n# %%\nx = 1\n", 1, "a description"),
        (FRONT.replace("# # Small", "# Small") + "# %%\nx = 1\n", 6, "begins with its heading"),
        (FRONT.replace("# %% [markdown]", "x = 1\n# %% [markdown]"), 1, "all text stands in cells"),
        (FRONT + "# %% [raw]\n# x\n", 9, "code, # %%, or text"),
        (FRONT + "# %%\nx = 1\ny = = 2\n", 11, "SyntaxError"),
        (FRONT + "# %%\n# %time x = 1\n", 10, "SyntaxError"),
        (FRONT + "# %%\n#| fig-alt: Figure\nx = 1\n", 10, "does not tell what one sees"),
        (FRONT + "# %%\n#| echo: false\nx = 1\n", 10, "unknown option echo: False"),
        (FRONT + "# %%\n#| code-fold: 3\nx = 1\n", 10, "code-fold: bool"),
        (FRONT + "# %%\n#| a: b: c\nx = 1\n", 10, "no YAML"),
    ],
)
def test_a_lab_that_cannot_be_read_is_refused_at_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "lab.py"
    path.write_text(text, "utf-8")
    with pytest.raises(PageError, match=re.escape(message)) as caught:
        lab_source.read(path)
    assert (caught.value.path, caught.value.line) == (path, line)


# -------------------------------------------------------------------------------------------------------------- cache


def test_the_key_is_of_code_sources_and_versions_not_of_prose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "dlref" / "topic.py"
    module.parent.mkdir()
    module.write_text("x = 1\n", "utf-8")

    def key(body: str) -> str:
        return lab_source.key(lab_source.read(write(tmp_path, body)), tmp_path)

    body = "# %%\nimport dlref.topic\n\n# %% [markdown]\n# text\n"
    first = key(body)
    assert key(body.replace("# text", "# other text")) == first
    assert key(body.replace("# %%\n", "# %%\n#| code-fold: true\n", 1)) == first
    assert key(body.replace("import dlref.topic", "import dlref.topic\nx = 1")) != first
    module.write_text("x = 2\n", "utf-8")
    changed = key(body)
    assert changed != first
    monkeypatch.setattr(lab_source, "version", lambda library: "9.9" if library == "torch" else "1")
    lab_source._version.cache_clear()
    assert key(body) != changed
    lab_source._version.cache_clear()


def test_prose_takes_effect_without_running_the_lab_again(
    executed: NotebookNode, small: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = cache / "edited" / small.name
    edited.parent.mkdir()
    edited.write_text(LAB.replace("# ## A figure", "# ## A picture"), "utf-8")
    monkeypatch.setattr(labs, "_kernel", None)  # what would run the lab
    again = labs.execute(edited, cache)
    assert again.cells[2].source.startswith("## A picture")
    assert labs.results(again) == labs.results(executed) == {"answer": 42}
    assert labs.cached(edited, cache) == again
    edited.write_text(LAB.replace("42", "43"), "utf-8")
    assert labs.cached(edited, cache) is None


def test_an_earlier_version_leaves_the_cache(tmp_path: Path) -> None:
    for number in (1, 2):
        labs.execute(write(tmp_path, f'# %%\n{{"n": {number}}}\n'), tmp_path)
    assert len(list(tmp_path.glob("lab-*.ipynb"))) == 1


def test_two_runs_give_the_same_bytes(executed: NotebookNode, small: Path, tmp_path: Path) -> None:
    again = labs.execute(small, tmp_path)
    assert nbformat.writes(again) == nbformat.writes(executed)
    assert "it/s" not in nbformat.writes(again)  # the progress bar is gone


# ------------------------------------------------------------------------------------------------------------- faults

FAULTS = {
    "error": (
        "# %%\nx = 1\n\n\ndef f() -> None:\n    1 / 0  # here\n\n\nf()\n",
        "# here",
        "ZeroDivisionError: division by zero",
    ),
    "warning": ("# %%\nimport warnings\nwarnings.warn('old habits')\n", "warnings.warn", "UserWarning: old habits"),
    "deprecated": (
        "# %%\nimport warnings\nwarnings.warn('out of date', DeprecationWarning)\n",
        "warnings.warn",
        "DeprecationWarning: out of date",
    ),
    "network": (
        "# %%\nimport urllib.request\nurllib.request.urlopen('http://192.0.2.1/')\n",
        "urlopen",
        "reached for 192.0.2.1",
    ),
    "address": ("# %%\nprint(object())\n", "print", "no two runs have in common: <object object at 0x"),
    "unlabelled": ("# %%\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\n", "import", "with the option fig-alt"),
    "empty": ("# %%\n#| fig-alt: A figure that nobody drew.\nx = 1\n", "x = 1", "this draws no figure"),
    "unreadable": (
        "# %%\n#| fig-alt: A line in black that vanishes.\nimport matplotlib.pyplot as plt\nplt.plot([1, 2], 'k')\n",
        "import",
        "the colour #000000 would vanish",
    ),
    "picture": (
        "# %%\nfrom IPython.display import Image, display\ndisplay(Image(data=b'\\x89PNG'))\n",
        "from",
        "this shows image/png",
    ),
    "shapes": (
        "# %%\nfrom dlref.training.activations import relu\nrelu('text')\n",
        "relu('text')",
        "TypeCheckError",
    ),
    "resultless": ("# %%\n{1, 2}\n", "{1, 2}", "a dict of plain numbers and texts; this one shows '{1, 2}'"),
    "dead": ("# %%\nx = 1\n\n# %%\nimport os\nos._exit(3)\n", "import os", "the kernel of the lab died"),
}


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run all the faulty labs side by side, and one that is right."""
    folder = tmp_path_factory.mktemp("faults")
    paths = [write(folder, body, f"{name}.py") for name, (body, *_) in FAULTS.items()]
    with pytest.raises(PageError) as caught:
        labs.execute_all([*paths, write(folder, '# %%\n{"n": 1}\n', "right.py")], folder)
    return folder, str(caught.value)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_cell_is_reported_at_its_line(name: str, faults: tuple[Path, str]) -> None:
    folder, report = faults
    path, (_, place, message) = folder / f"{name}.py", FAULTS[name]
    start = f"{path}:{line_of(path, place)}: "
    assert start in report
    assert message in report.partition(start)[2].partition(f"\n{folder}")[0]


def test_one_fault_does_not_hide_another_nor_end_up_in_the_cache(faults: tuple[Path, str]) -> None:
    folder, report = faults
    assert sum(f"{folder / name}.py:" in report for name in FAULTS) == len(FAULTS)
    assert [path.name.partition("-")[0] for path in folder.glob("*-*.ipynb")] == ["right"]


# -------------------------------------------------------------------------------------------------------------- pages

CONFIGURATION = """
site_name: Small
site_url: https://example.org/sub/
docs_dir: docs
nav: [index.md, deep/page.md, labs/small.py]
theme: {name: material, font: false}
plugins:
  - search
  - mkdocs-jupyter: {include: ["labs/*.py"], execute: false, allow_errors: false, ignore_h1_titles: true, cache: false}
markdown_extensions: [attr_list, admonition, toc]
hooks: [hook.py]
validation: {links: {anchors: warn, not_found: warn, unrecognized_links: warn}}
"""
HOOK = f"""
import os, sys
from pathlib import Path
from mkdocs.plugins import event_priority

sys.path.insert(0, {str(ROOT)!r})
from sitekit import lab_page

def on_files(files, config):
    return lab_page.collect(files, config, execute="EXECUTE" in os.environ, cache_dir=Path("cache"))

def on_page_read_source(page, config):
    return lab_page.source(page.file.src_uri)

@event_priority(-100)
def on_pre_page(page, config, files):
    lab_page.wrap(page, Path("cache"))
    return page
"""


def make_site(folder: Path) -> Path:
    pages = {
        "mkdocs.yml": CONFIGURATION,
        "hook.py": HOOK,
        "docs/index.md": "# Home { #top }\n\n[the lab](labs/small.py#a-figure)\n",
        "docs/deep/page.md": "# Page\n",
        "docs/labs/small.py": LAB,
    }
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


@pytest.fixture(scope="module")
def built(executed: NotebookNode, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> LexborHTMLParser:
    """Build the site with the executed lab from the cache."""
    site = make_site(tmp_path_factory.mktemp("site"))
    shutil.copytree(cache, site / "cache", ignore=shutil.ignore_patterns("edited"))
    status, log = build(site)
    assert status == 0, log
    assert 'href="labs/small/#a-figure"' in (site / "site/index.html").read_text("utf-8")
    return page_of(site)


def build(site: Path, *, execute: bool = True) -> tuple[int, str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", "site"]
    environment = {"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    environment |= {"EXECUTE": "1"} if execute else {}
    done = subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def page_of(site: Path) -> LexborHTMLParser:
    return LexborHTMLParser((site / "site/labs/small/index.html").read_text("utf-8"))


def test_a_lab_becomes_a_page_of_the_site(built: LexborHTMLParser, executed: NotebookNode) -> None:
    article = built.css_first("article")
    assert article is not None
    assert [heading.text(deep=False) for heading in article.css("h1, h2")] == ["Small", "A figure"]
    links = [link.attributes.get("href") for link in article.css("p a")]
    assert links == ["../small.ipynb", "#a-figure", "../../#top", "../../deep/page/"]
    description = built.css_first("meta[name=description]")
    assert description is not None
    assert description.attributes["content"] == "A small lab."
    assert [output.text().strip() for output in article.css(".lab-output")] == ["True & True", "", "{'answer': 42}"]
    codes = [code.text().strip() for code in article.css(".highlight > pre > code")]
    assert codes == [cell.source.strip() for cell in lab_source.code_cells(executed)]


def test_a_figure_is_named_and_takes_the_colours_of_the_page(built: LexborHTMLParser) -> None:
    figure = built.css_first("figure.lab-figure > svg[role=img]")
    assert figure is not None
    assert figure.attributes["aria-label"] == "A line that rises from one to four."
    svg = figure.html or ""
    assert "currentColor" in svg
    assert "var(--fig-0" in svg
    assert set(re.findall(r'id="([^"]+)"', svg)) <= {f"cell-04-{number}" for number in range(1, 20)}
    fold = built.css_first("details.lab-code > summary")
    assert fold is not None
    assert fold.text() == "Code of this figure"


def test_a_picture_is_a_file_that_waits_until_it_is_seen(site: Path, cache: Path) -> None:
    shutil.copytree(cache, site / "cache", ignore=shutil.ignore_patterns("edited"))
    status, log = build(site)
    assert status == 0, log
    picture = page_of(site).css_first(".lab-output img")
    assert picture is not None
    attributes = dict(picture.attributes)
    name = attributes.pop("src") or ""
    expected = {"alt": "a grey point", "width": "1", "height": "1", "loading": "lazy", "decoding": "async"}
    assert attributes == expected
    assert (site / "site/labs/small" / name).read_bytes() == base64.b64decode(POINT.partition(",")[2])
    assert POINT in (site / "site/labs/small.ipynb").read_text("utf-8")


def test_nothing_of_jupyterlab_reaches_the_reader(built: LexborHTMLParser) -> None:
    text = built.html or ""
    assert "jp-" not in text
    assert "clipboard-copy" not in text
    assert not re.search(r"mathjax|mermaid|require\.js", text, re.I)
    assert len(text) < 40_000  # of which the theme's frame is more than half


def test_the_notebook_stands_alone(site: Path, executed: NotebookNode) -> None:
    notebook = nbformat.reads(lab_page.download(executed, "https://example.org/sub/labs/small/"), as_version=4)
    nbformat.validate(notebook)
    text = notebook.cells[2].source
    assert "[the heading](#a-figure)" in text
    assert "(https://example.org/sub/#top)" in text
    assert "(https://example.org/sub/deep/page/)" in text
    svg = notebook.cells[3].outputs[0].data["image/svg+xml"]
    assert svg.startswith('<svg role="img" aria-label="A line that rises from one to four." xmlns=')
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert str(site) not in json.dumps(notebook)
    assert all(set(cell.metadata) <= {"jupyter"} for cell in notebook.cells)


def test_serving_does_not_wait_for_a_lab(site: Path) -> None:
    status, log = build(site, execute=False)
    assert status == 0, log
    page = page_of(site)
    assert "Not executed yet" in (page.html or "")
    assert not page.css(".lab-output")
    assert len(page.css(".highlight")) == 4


def test_a_dead_link_fails_the_build(site: Path) -> None:
    lab = LAB.replace("page.md", "pages.md").replace("#top", "#bottom").replace("(#a-figure)", "(#a-fugure)")
    (site / "docs/labs/small.py").write_text(lab, "utf-8")
    status, log = build(site, execute=False)
    assert status == 1
    for link in ("../deep/pages.md", "../index.md#bottom", "#a-fugure"):
        assert f"'labs/small.py' contains a link '{link}'" in log


def test_a_failing_cell_fails_the_build(site: Path) -> None:
    lab = site / "docs/labs/small.py"
    lab.write_text(LAB.replace("42", "1 / 0"), "utf-8")
    status, log = build(site)
    assert status == 1
    assert f"docs/labs/small.py:{line_of(lab, '1 / 0')}: ZeroDivisionError: division by zero" in log
    assert "Traceback" not in log


def test_a_plugin_that_does_not_see_the_labs_fails_the_build(site: Path) -> None:
    (site / "mkdocs.yml").write_text(CONFIGURATION.replace("labs/*.py", "*.ipynb"), "utf-8")
    status, log = build(site, execute=False)
    assert status == 1
    assert "labs/small.py would become no page" in log


def test_a_lab_reads_as_plain_markdown(executed: NotebookNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lab_page._notebooks, "labs/small.py", executed)
    text = lab_page.as_markdown("labs/small.py")
    assert "```text\nTrue & True\n```" in text
    assert "Figure: A line that rises from one to four." in text
    assert "<svg" not in text


# ------------------------------------------------------------------------------------------------------------ results


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("text/plain", shown) for shown in ("", "[1]", "{'a': array([1])}", "{'a': np.float64(1.0)}")]
    + [("text/html", "<b>1</b>")],
)
def test_results_that_are_no_plain_dict_are_refused(kind: str, shown: str) -> None:
    outputs = [nbformat.v4.new_output("execute_result", {kind: shown})] if shown else []
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])
    with pytest.raises(ValueError, match="ends in a cell that shows a dict"):
        labs.results(notebook)
