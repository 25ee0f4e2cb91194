"""A Content-Security-Policy for every page, as a meta element: static hosts send no headers of one's own.

Nothing is allowed but what the site serves itself. An inline script runs only if its hash stands in the policy;
Material has a few, which set the colours before the first paint. Styles may stand inline: KaTeX's boxes and the figures
are made of them.
"""

import base64
import hashlib
import re
from pathlib import Path

_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.S)
_DATA = re.compile(r"""\btype=["']?(?!["']|module\b|text/javascript\b|speculationrules\b)""")  # no other has effect
_CHARSET = re.compile(r'<meta charset="utf-8">')
_HANDLER = re.compile(r"<[a-z][^<>]*\s(?P<handler>on[a-z]+)\s*=", re.I)
POLICY = {
    "default-src": "'self'",  # decides on pages that a browser fetches ahead: Firefox those of rel="next"
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "child-src": "'none'",
    "manifest-src": "'none'",
    "media-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def policy(page: str) -> str:
    """Return the policy that lets a page run the inline scripts it holds, and nothing else."""
    hashes = []
    for script in _SCRIPT.finditer(page):
        if "src=" not in script["attributes"] and not _DATA.search(script["attributes"]):
            digest = base64.b64encode(hashlib.sha256(script["code"].encode()).digest()).decode()
            hashes.append(f"'sha256-{digest}'")
    rules = POLICY | {"script-src": " ".join([POLICY["script-src"], *dict.fromkeys(hashes)])}
    return "; ".join(f"{directive} {sources}" for directive, sources in rules.items())


def with_policy(page: str) -> str:
    """Put the policy into a page, before anything that it governs.

    Raises:
        ValueError: The page has an inline event handler, which no hash allows, or no charset to put the policy behind.
    """
    if handler := _HANDLER.search(_SCRIPT.sub("", page)):
        raise ValueError(f"the policy forbids the inline handler {handler['handler']}: {handler[0][:80]}")
    marked, count = _CHARSET.subn(
        lambda charset: f'{charset[0]}\n<meta http-equiv="Content-Security-Policy" content="{policy(page)}">', page, 1
    )
    if not count:
        raise ValueError('the page has no <meta charset="utf-8">')
    return marked


def protect(site: Path) -> None:
    """Give every page of a built site its policy.

    Raises:
        ValueError: A page cannot have one; the message names it.
    """
    for path in sorted(site.rglob("*.html")):
        try:
            path.write_text(with_policy(path.read_text("utf-8")), "utf-8")
        except ValueError as error:
            raise ValueError(f"{path.relative_to(site)}: {error}") from None
