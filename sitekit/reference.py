"""One topic, one page, one module: the page ``training/activations.md`` ends in the module of the same path."""

from pathlib import Path, PurePosixPath

HEADING = "Reference implementation"


def module_of(page: str, root: Path = Path()) -> str | None:
    """Name the module that stands behind a page, or None where there is none.

    Args:
        page: The page's path below docs: ``training/gradient-descent.md``.
        root: The directory that holds ``dlref``.
    """
    path = PurePosixPath(page)
    if path.suffix != ".md" or len(path.parts) != 2 or path.stem == "index":
        return None
    section, topic = path.parts[0], path.stem.replace("-", "_")
    return f"dlref.{section}.{topic}" if (root / "dlref" / section / f"{topic}.py").is_file() else None


def is_newer(page: str, built: Path, root: Path = Path()) -> bool:
    """Tell whether the module behind a page changed after the page was built."""
    module = module_of(page, root)
    if module is None or not built.is_file():
        return False
    return (root / module.replace(".", "/")).with_suffix(".py").stat().st_mtime > built.stat().st_mtime


def with_reference(markdown: str, page: str, root: Path = Path()) -> str:
    """Return a page's Markdown with its module's reference at the end."""
    module = module_of(page, root)
    if module is None:
        return markdown
    return f"{markdown.rstrip()}\n\n## {HEADING} {{ #reference-implementation }}\n\n::: {module}\n"
