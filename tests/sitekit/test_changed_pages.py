"""Which pages a change touches, told by its files."""

from pathlib import Path

import pytest

from sitekit import changed_pages
from sitekit.changed_pages import Changes
from tests.sitekit.small_repository import commit, git
from tests.sitekit.small_site import write


@pytest.mark.parametrize(
    ("paths", "changes"),
    [
        (["docs/alpha/first-things.md"], Changes(("alpha/first-things",), (), ())),
        (["dlref/alpha/first_things.py"], Changes(("alpha/first-things",), (), ())),
        (["dlref/beta/last.py", "docs/beta/last.md"], Changes(("beta/last",), (), ())),
        (["docs/labs/lab.py", "docs/index.md"], Changes(("index", "labs/lab"), (), ())),
        (["docs/alpha/gone.md"], Changes((), ("alpha/gone",), ())),
        (["dlref/__init__.py", "README.md", "docs/sources.yml", "tests/beta/test_last.py"], Changes((), (), ())),
        (["mkdocs.yml", "sitekit/x.py", "docs/assets/x.md"],
         Changes((), (), ("docs/assets/x.md", "mkdocs.yml", "sitekit/x.py"))),
    ],
)  # fmt: skip
def test_files_make_pages(tmp_path: Path, paths: list[str], changes: Changes) -> None:
    assert changed_pages.of_paths(paths, write(tmp_path)) == changes


def test_the_list_links_to_the_pages() -> None:
    changes = Changes(("alpha/first-things", "alpha/index", "labs/lab"), ("alpha/gone",), ("mkdocs.yml",))
    assert changed_pages.as_markdown(changes, {"alpha/first-things": "First things"}) == (
        "# Changed pages\n\n"
        "- [First things](alpha/first-things/index.html), `alpha/first-things`\n"
        "- [alpha/index](alpha/index.html), `alpha/index`\n"
        "- [labs/lab](labs/lab/index.html), `labs/lab`\n"
        "- gone: `alpha/gone`\n\n"
        "Every page may look different, for these changed: `mkdocs.yml`.\n"
    )
    assert changed_pages.as_markdown(Changes((), (), ()), {}).endswith("No page was changed by itself.\n")


def test_a_branch_is_compared_with_where_it_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, site, summary = write(tmp_path / "root"), tmp_path / "site", tmp_path / "summary.md"
    site.mkdir()
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    commit(root, "2026-01-01")
    git(root, "switch", "-q", "-c", "change")
    commit(root, "2026-01-02", dlref__beta__last___py='"""Another."""\n')
    git(root, "switch", "-q", "main")
    commit(root, "2026-01-03", docs__index___md="what others did since")
    git(root, "switch", "-q", "change")
    changed_pages.main("main", root, site)
    text = (site / "changed-pages.md").read_text()
    assert text == "# Changed pages\n\n- [The last](beta/last/index.html), `beta/last`\n"
    assert summary.read_text() == f"before\n{text}"
