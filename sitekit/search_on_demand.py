"""Material's search, loaded when a reader opens it: the index weighs more than the page, and few readers search.

Material's script asks for the index as soon as a page is open. Its own switch for pages that are opened as files, which
waits for the search to open, is set for all.
"""

from pathlib import Path

BUNDLE = "assets/javascripts/bundle.*.min.js"
AT_ONCE = 'location.protocol!=="file:"),'  # the first of two reasons to load; the other is that the search is open
ON_DEMAND = "!1),"


def defer(site: Path) -> None:
    """Have a built site's script wait with the search index until the search opens.

    Raises:
        ValueError: The script is not the one that this module knows.
    """
    bundles = sorted(site.glob(BUNDLE))
    for bundle in bundles:
        script = bundle.read_text("utf-8")
        if script.count(AT_ONCE) != 1:
            raise ValueError(
                f"{bundle.name} holds {AT_ONCE!r} {script.count(AT_ONCE)} times, not once: Material's search has "
                "changed, see how it loads its index now"
            )
        bundle.write_text(script.replace(AT_ONCE, ON_DEMAND), "utf-8")
    if not bundles:
        raise ValueError(f"the site has no script {BUNDLE}: see where Material keeps its own now")
