"""Material's script, where it makes a page wait: each edit is exact, and fails when the script has changed.

Weighed: a plugin for each (there is none), and a script of ours in its place, which would be far more to keep.
"""

from pathlib import Path

BUNDLE = "assets/javascripts/bundle.*.min.js"
# The index of the search weighs more than a page, and few readers search. Material asks for it as soon as a page is
# open; its own switch for pages that are opened as files, which waits for the search to open, is set for all.
SEARCH = 'location.protocol!=="file:"),', "!1),"
# Whoever names the root's colour scheme has the style of the whole page worked out anew. Ours is named before there is
# a page (partials/javascripts/palette.html), and follows the switch (dlref.js).
SCHEME = 'let o=x("meta",{name:"color-scheme"});document.head.appendChild(o);', 'let o=x("meta",{name:"color-scheme"});'
# Tables are wrapped when the site is built (theme_markup.wrap_tables): to wrap one in the page is to lay it out anew.
TABLES = 'M("table:not([class])",e)', 'M("table:not([class],.md-typeset__table *)",e)'
EDITS = (SEARCH, SCHEME, TABLES)


def lighten(site: Path) -> None:
    """Edit the script of a built site.

    Raises:
        ValueError: The script is not the one that this module knows.
    """
    bundles = sorted(site.glob(BUNDLE))
    for bundle in bundles:
        script = bundle.read_text("utf-8")
        for old, new in EDITS:
            if script.count(old) != 1:
                raise ValueError(
                    f"{bundle.name} holds {old!r} {script.count(old)} times, not once: Material's script has changed, "
                    "see how it does now what theme_script.py edits"
                )
            script = script.replace(old, new)
        bundle.write_text(script, "utf-8")
    if not bundles:
        raise ValueError(f"the site has no script {BUNDLE}: see where Material keeps its own now")
