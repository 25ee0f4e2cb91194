"""One stylesheet for the site: what Material, mkdocstrings and the site bring is joined, so that a page asks once."""

import hashlib
import re
from pathlib import Path

BUNDLE = "assets/css/site.{}.css"
_LINK = re.compile(
    r'[ \t]*<link rel="stylesheet" href="(?P<root>[^"]*?)'
    r'(?P<path>assets/(?:stylesheets/|css/|_mkdocstrings)[^"]*\.css)">\n?'
)
_RELATIVE = re.compile(r"url\(\s*[\"']?(?!data:|#|\.\./fonts/)(?P<address>[^)\"']+)")
# While the colours are switched, nothing may change slowly: a rule for every element, so that a page's whole style is
# worked out anew twice when it opens. Without it, links and buttons take their quarter of a second.
SWITCHING = (
    "[data-md-color-switching] *,[data-md-color-switching] :after,[data-md-color-switching] :before"
    "{transition-duration:0s!important}"
)
_NOTE = re.compile(r"/\*# sourceMappingURL=.*?\*/|@charset \"[^\"]*\";")


def join(site: Path) -> None:
    """Join the stylesheets of a built site, and have its pages ask for the joined one.

    Files that share a stylesheet in the same order get the same bundle; its name holds a hash of what it says, so that
    a browser never shows an old one. What only some pages load, such as the style of formulas, stays apart.

    Raises:
        ValueError: A stylesheet refers to a file by a path that would not hold in another folder.
    """
    bundles: dict[tuple[str, ...], str] = {}
    for page in sorted(site.rglob("*.html")):
        text = page.read_text("utf-8")
        links = list(_LINK.finditer(text))
        paths = tuple(link["path"] for link in links)
        if not paths:
            continue
        if paths not in bundles:
            bundles[paths] = _write(site, paths)
        first = links[0]
        for link in reversed(links[1:]):
            text = text[: link.start()] + text[link.end() :]
        tag = f'<link rel="stylesheet" href="{first["root"]}{bundles[paths]}">\n'
        page.write_text(text[: first.start()] + tag + text[first.end() :], "utf-8")


def _write(site: Path, paths: tuple[str, ...]) -> str:
    parts = []
    for path in paths:
        style = _NOTE.sub("", (site / path).read_text("utf-8")).strip().replace(SWITCHING, "")
        for found in _RELATIVE.finditer(style):
            raise ValueError(f"{path} refers to {found['address']}: a joined stylesheet cannot, inline it as data:")
        parts.append(style)
    joined = "\n".join(parts) + "\n"
    name = BUNDLE.format(hashlib.sha256(joined.encode()).hexdigest()[:8])
    (site / name).write_text(joined, "utf-8")
    return name
