"""British words as Americans spell them, for the search alone: the pages are written in British spelling."""

import re

_RULES = (
    (r"^(?!\w*prom)(\w{2,}[^aeiouvcw])(?<!pr)is(e|es|ed|er|ers|ing|ation|ations|able)$", r"\1iz\2"),
    (r"(col|fav|lab|neighb|behavi)our", r"\1or"),
    (r"(mod|lab|canc|trav)ell(ed|ing|er)", r"\1el\2"),
    (r"(cent)(?:re(s?)$|r(ed)$)", r"\1er\2\3"),
    (r"^(gr)ey", r"\1ay"),
    (r"(anal)ys(e|ing)", r"\1yz\2"),
)


def american(word: str) -> str:
    """Spell a word in small letters the American way; what is spelled alike stays as it is."""
    for pattern, replacement in _RULES:
        word = re.sub(pattern, replacement, word)
    return word
