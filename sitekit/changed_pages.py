"""The pages that a proposed change touches, so that whoever reviews it opens those.

``python -m sitekit.changed_pages BASE`` compares with a branch, writes the list beside the built site and, on GitHub,
into the summary of the run.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from sitekit import moved_pages, reference

NAME = "changed-pages.md"
LOOKS = ("docs/assets/", "sitekit/", "mkdocs.yml", "constraints.txt")


@dataclass(frozen=True)
class Changes:
    """The pages that changed, those that are gone, and files that every page is made with."""

    pages: tuple[str, ...]
    gone: tuple[str, ...]
    everywhere: tuple[str, ...]


def of_paths(paths: Iterable[str], root: Path) -> Changes:
    """Tell which pages a change of files touches.

    Args:
        paths: The files, from the root of the repository.
        root: The repository, after the change.
    """
    paths = sorted(paths)
    behind = {}
    for page in (root / "docs").glob("*/*.md"):
        name = page.relative_to(root / "docs").as_posix()
        if module := reference.module_of(name, root):
            behind[f"{module.replace('.', '/')}.py"] = name.removesuffix(".md")
    pages, gone = set(), set()
    for path in paths:
        place = PurePosixPath(path)
        if path in behind:
            pages.add(behind[path])
        elif place.parts[0] == "docs" and place.suffix in (".md", ".py") and not path.startswith(LOOKS):
            name = place.relative_to("docs").with_suffix("").as_posix()
            (pages if (root / path).exists() else gone).add(name)
    everywhere = tuple(path for path in paths if path.startswith(LOOKS))
    return Changes(tuple(sorted(pages)), tuple(sorted(gone)), everywhere)


def as_markdown(changes: Changes, titles: dict[str, str]) -> str:
    """Write the list; its links lead from the root of the site."""
    lines = ["# Changed pages", ""]
    lines += [f"- [{titles.get(page, page)}]({moved_pages.url(page)}index.html), `{page}`" for page in changes.pages]
    lines += [f"- gone: `{page}`" for page in changes.gone]
    if not changes.pages and not changes.gone:
        lines.append("No page was changed by itself.")
    if changes.everywhere:
        files = ", ".join(f"`{path}`" for path in changes.everywhere)
        lines += ["", f"Every page may look different, for these changed: {files}."]
    return "\n".join(lines) + "\n"


def titles(pages: Iterable[str], root: Path) -> dict[str, str]:
    """Read the titles of pages; one without front matter goes by its name."""
    found = {}
    for page in pages:
        path = root / "docs" / f"{page}.md"
        head = path.read_text("utf-8").split("---\n")[1:2] if path.exists() else []
        if head and "title" in (meta := yaml.safe_load(head[0]) or {}):
            found[page] = str(meta["title"])
    return found


def main(base: str, root: Path = Path(), site: Path = Path("site")) -> None:
    """Write the list of what has changed since a branch was left."""
    command = ["git", "-C", str(root), "diff", "-z", "--name-only", "--no-renames", f"{base}...HEAD"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    changes = of_paths(filter(None, listed.split("\0")), root)
    text = as_markdown(changes, titles(changes.pages, root))
    (site / NAME).write_text(text, "utf-8")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
