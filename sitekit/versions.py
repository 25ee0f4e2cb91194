"""Versions of the site: ``latest`` is what the main branch says, and each release of the library keeps its own.

mike builds a version into a branch that holds them all; this module names the version, and leads the addresses from the
time before there were versions to ``latest``, for good. So a correction reaches readers at once, its permanent address
is below ``latest`` from the first day, and a release stays as it was.
"""

import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

from sitekit import content_security, moved_pages
from sitekit.moved_pages import Way

LATEST, BRANCH, OWN = "latest", "gh-pages", "versions.json"
BUILDS = "MIKE_DOCS_VERSION"  # mike sets it while it builds a version
SCRIPT, LOST = "assets/js/unversioned.js", "404.html"
COPIES = ("feed.xml", "objects.inv", "questions.json", "sitemap.xml")  # what programs ask for, which follow no page
_RELEASE = re.compile(r"refs/tags/v(\d+\.\d+)\.\d+")
_TITLE = re.compile(r"<title>(.*?)</title>", re.S)


def of_ref(ref: str) -> str:
    """Name the version that a branch or a tag is published as: ``latest``, or ``0.2`` for ``v0.2.1``.

    Raises:
        ValueError: The ref is neither the main branch nor a release.
    """
    if ref == "refs/heads/main":
        return LATEST
    if release := _RELEASE.fullmatch(ref):
        return release[1]
    raise ValueError(f"{ref} is not published: only refs/heads/main is, and tags like refs/tags/v0.2.1")


def home(address: str | None) -> str:
    """Return the site's address with the slash that mike leaves out."""
    return f"{(address or '').rstrip('/')}/"


def switch() -> dict[str, str] | None:
    """Return the setting of Material's version switch, or None where no version is built: it asks for their list."""
    return {"provider": "mike", "default": LATEST} if os.environ.get(BUILDS) else None


def publish(version: str, root: Path, to: Path) -> None:
    """Have mike build a version into its branch, lay the branch out, and lead old addresses to the newest version.

    Args:
        version: Its name.
        root: The repository.
        to: An empty place where the branch is laid out.
    """
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"  # mike calls mkdocs
    environment = {"DLREF_STRICT": "true"} | os.environ | {"PATH": path}
    command = [str(programs / "mike"), "deploy", "--branch", BRANCH, version]
    subprocess.run(command, cwd=root, env=environment, check=True)
    subprocess.run(["git", "-C", str(root), "worktree", "add", "-q", str(to), BRANCH], check=True)
    if (to / LATEST).is_dir():
        lead_on(to)
        git = ["git", "-C", str(to)]
        subprocess.run([*git, "add", "-A"], check=True)
        if subprocess.run([*git, "diff", "--cached", "--quiet"], check=False).returncode:
            subprocess.run([*git, "commit", "-q", "-m", f"Lead old addresses to {LATEST}"], check=True)


def lead_on(tree: Path) -> None:
    """Put a stub at every address from before there were versions, and send the rest of them on from the 404 page.

    Stubs of pages that ``latest`` no longer has are kept: there, a page that moved leads on by itself.

    Args:
        tree: All versions as they are published.
    """
    latest = tree / LATEST
    for page in sorted(latest.rglob("index.html")):
        place = page.parent.relative_to(latest)
        text = page.read_text("utf-8")
        up = "../" * len(place.parts)
        way = Way(f"{up}{LATEST}/{place.as_posix()}/".replace("/./", "/"), _title(text))
        stub = moved_pages.stub(way, _canonical(text) or way.href, f"{up}{Path(moved_pages.SCRIPT).name}")
        (tree / place).mkdir(parents=True, exist_ok=True)
        (tree / place / "index.html").write_text(content_security.with_policy(stub), "utf-8")
    for name in COPIES:
        if (latest / name).is_file():
            shutil.copyfile(latest / name, tree / name)
    for script in (moved_pages.SCRIPT, SCRIPT):
        shutil.copyfile(latest / script, tree / Path(script).name)
    lost = (latest / LOST).read_text("utf-8")
    (tree / LOST).write_text(
        lost.replace("</body>", f'<script src="{_root(lost)}{Path(SCRIPT).name}"></script></body>')
    )


def main(ref: str, root: Path = Path(), to: Path = Path("public")) -> None:
    """Publish what a ref holds; on GitHub, have the steps that follow test that version."""
    version = of_ref(ref)
    publish(version, root.resolve(), to.resolve())
    if environment := os.environ.get("GITHUB_ENV"):
        with Path(environment).open("a", encoding="utf-8") as file:
            file.write(f"DLREF_SITE={to / version}\n")


def _title(page: str) -> str:
    found = _TITLE.search(page)
    return unescape(found[1].strip()) if found else LATEST


def _canonical(page: str) -> str:
    found = re.search(r'<link rel="canonical" href="([^"]*)"', page)
    return found[1] if found else ""


def _root(lost: str) -> str:
    """Return the path below which all versions lie; the 404 page knows where its own version lies."""
    found = re.search(rf'(?:href|src)="(/[^"]*?){LATEST}/', lost)
    return found[1] if found else "/"


if __name__ == "__main__":
    main(sys.argv[1])
