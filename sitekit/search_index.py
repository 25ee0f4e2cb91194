"""The search index, made of what a reader searches by: prose, questions, names of functions, and other words for them.

Material puts the whole text of a page into its index: code, output, footnotes, the source of every function. Here
code leaves only the names that it calls. Two fields that no reader sees are added: ``also``, other words for a
question, and ``names``, what its code calls. Material's worker searches every field that the index names.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sitekit.errors import PageError
from sitekit.questions import Question
from sitekit.spelling import american

INDEX = "search/search_index.json"
WORDS = "search-words.yml"
MEMBER = "#dlref."
FIELDS = {"title": 100.0, "also": 200.0, "names": 40.0, "text": 1.0, "tags": 1.0}
BOOSTS = {"member": 0.1, "page": 0.1, "section": 0.3, "question": 1.0}  # what a reader who asks wants to see first
COMMON = 20  # sections
_PRE = re.compile(r"<pre>(.*?)</pre>", re.S)
_CODE = re.compile(r"<code>(.*?)</code>", re.S)
_NOTES = re.compile(r"<ol>(?:(?!<ol>).)*?↩.*?</ol>\s*$", re.S)
_LABELS = re.compile(r"<p>(?:Short answer|Follow-ups|Practise the questions of this page)</p>")
_BLOCKS = re.compile(r"</?(?:ul|ol|li|p)>")
_CALLED = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SHORT = {"torch.nn.functional": "F", "torch.nn": "nn", "torch.optim": "optim", "numpy": "np"}
_LONG = {short: long for long, short in _SHORT.items()}
_LIBRARIES = frozenset({"torch", "numpy", "scipy", "sklearn", "torchvision", *_LONG})
_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])[A-Z]")
_WORD = re.compile(r"[^\W\d_]{4,}")


def shrink(site: Path, docs: Path, questions: Sequence[Question]) -> None:
    """Rewrite the index of a built site."""
    path = site / INDEX
    index = json.loads(path.read_text("utf-8"))
    words = read_words(docs / WORDS, [question.url for question in questions])
    levels = {question.url: question.level for question in questions}
    path.write_text(as_json(rewritten(index, words, levels)), "utf-8")


def read_words(path: Path, questions: Iterable[str]) -> dict[str, list[str]]:
    """Read the other words for each question, ``page/#id`` to what people type.

    Raises:
        PageError: The file names a question that is not there, or holds something else than lists of words.
    """
    known = {url.replace("/#", "#") for url in questions}
    try:
        found = (yaml.safe_load(path.read_text("utf-8")) if path.exists() else None) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise PageError(path, mark.line + 1 if mark else 1, f"the words are no YAML: {error}") from error
    if not isinstance(found, dict):
        raise PageError(path, 1, f"the words must be page#id: [words], not {found!r:.80}")
    words: dict[str, list[str]] = {}
    for name, phrases in found.items():
        if name not in known:
            raise PageError(path, 1, f"there is no question {name}: write page#id, as in docs/question-ids.txt")
        if not isinstance(phrases, list) or not all(isinstance(phrase, str) for phrase in phrases):
            raise PageError(path, 1, f"{name} needs a list of words, not {phrases!r}")
        words[name.replace("#", "/#")] = phrases
    return words


def rewritten(index: dict[str, Any], words: Mapping[str, Sequence[str]], levels: Mapping[str, str]) -> dict[str, Any]:
    """Return the index with less noise and more words.

    Args:
        index: What Material's plugin wrote.
        words: Other words for a question, by its address.
        levels: The level of each question, by its address.
    """
    config = index["config"] | {"fields": {name: {"boost": boost} for name, boost in FIELDS.items()}}
    docs = [_entry(entry, words.get(entry["location"], ()), levels.get(entry["location"])) for entry in index["docs"]]
    return {"config": config, "docs": _without_common(docs)}


def as_json(index: dict[str, Any]) -> str:
    """Write the index as small as it goes."""
    return json.dumps(index, separators=(",", ":"), ensure_ascii=False)


def _entry(entry: Mapping[str, Any], words: Sequence[str], level: str | None) -> dict[str, Any]:
    location, text = entry["location"], entry["text"]
    kind = "question" if level else "member" if MEMBER in location else "section" if "#" in location else "page"
    title = re.sub(r"\s*<code>[^<]*-attribute</code>|<[^>]+>", "", entry["title"]).strip()
    prose = member_prose(text) if kind == "member" else plain(text)
    small: dict[str, Any] = {"location": location, "title": title, "text": prose, "boost": BOOSTS[kind]}
    if level:
        small["tags"] = [level]
    if also := _also(title, words):
        small["also"] = also
    if names := called(text if kind != "member" else ""):
        small["names"] = names
    return small


def plain(text: str) -> str:
    """Leave the prose, a paragraph each: no code blocks, no notes, no markup within a paragraph."""
    text = _LABELS.sub("", _NOTES.sub("", _PRE.sub("", text)))
    text = re.sub(r"<sup[^>]*>[^<]*</sup>|</?(?:code|sub)>", "", text)
    blocks = (" ".join(block.split()) for block in _BLOCKS.split(text))  # a table's text stands in no paragraph
    return "".join(f"<p>{block.removesuffix(' Follow-ups')}</p>" for block in blocks if block not in ("", "Follow-ups"))


def member_prose(text: str) -> str:
    """Leave the first paragraph of a function's description, and what it is compared with."""
    paragraphs = re.findall(r"<p>(.*?)</p>", _PRE.sub("", text), re.S)
    kept = paragraphs[:1] + [one for one in paragraphs[1:] if one.startswith("Oracle")]
    return plain("".join(f"<p>{one}</p>" for one in kept))


def called(text: str) -> str:
    """Name what the code of a text calls, as people write it: F.cross_entropy, torch.nn.functional.cross_entropy.

    A name stands in small letters too where the index would part it at its capitals. Of other names in the running
    text, ``model.eval``, the last part is enough.
    """
    code = " ".join(_PRE.findall(text))
    inline = " ".join(_CODE.findall(_PRE.sub("", text)))
    names = {match[0] for match in _CALLED.finditer(f"{code} {inline}") if match[0].partition(".")[0] in _LIBRARIES}
    names |= {form for name in list(names) for form in _forms(name)}
    names |= {match[0].rpartition(".")[2] for match in _CALLED.finditer(inline)}
    names |= {name.lower() for name in names if _INNER_CAPITAL.search(name)}
    return " ".join(sorted(names))


def _forms(name: str) -> set[str]:
    """Write a dotted name the short way, the long way, and without its path; another word has none."""
    path, _, last = name.rpartition(".")
    return {last, *(f"{other}.{last}" for other in (_SHORT.get(path), _LONG.get(path)) if other)} if path else set()


def _also(title: str, words: Sequence[str]) -> str:
    """Add to the given words the American spelling of theirs and of the title's, and the other forms of names."""
    forms = {form for word in " ".join(words).split() for form in _forms(word)}
    spelled = {other for word in _WORD.findall(" ".join([title, *words]).lower()) if (other := american(word)) != word}
    return " ".join([*words, *sorted(forms | spelled)])


def _without_common(docs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the names that so many sections call: torch.tensor tells nothing apart."""
    counts = Counter(name for entry in docs for name in entry.get("names", "").split())
    for entry in docs:
        if kept := [name for name in entry.pop("names", "").split() if counts[name] <= COMMON]:
            entry["names"] = " ".join(kept)
    return docs
