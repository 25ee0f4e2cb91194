"""A sound tree of two topics, small enough to break in one place at a time."""

from pathlib import Path

SOURCES = """\
items:
  A1: {asks: "What is first?", answers: [what-is-first]}
  B2a: {asks: "What is first, and what comes next?", answers: [what-is-first, what-is-next]}
  U4.1: {asks: "Topic: the last.", answers: [what-is-last]}

questions:
  alpha/first-things:
    what-is-first: {level: core, question: "What is 'first'?"}
    what-is-next: {level: advanced, question: "What comes next?"}
  beta/last:
    what-is-last: {level: core, question: "What is last?"}
"""

PAGE = """\
---
title: First things
description: What comes first, what comes next, and why the order of the two matters so much.
---
Lead with a formula $a[0](b.md)$, `code [x](dead.md)` and a [link](../beta/last.md#fig-line).

## What is ‘first’? { #what-is-first .question data-level="core" data-sources="A1 B2a" }

!!! answer "Short answer"
    The first is $x_0 = 1$ -- [named so](../beta/last.md) by [one][dlref.alpha.first_things.One] source[^one],
    and `[y](no-link.md)` stays.

It was said before.[^one]

```python
print(1)
#> 1
```

### In detail

!!! mistake "“The first is the second.”"
    It is not: see [the line](#what-is-next) and [above](#in-detail).

    ```python
    # not a heading
    print(1 != 2)
    #> True
    ```

??? question "Follow-ups"
    - What is [second][dlref.alpha.first_things.one]? Zero counts, see [torch.add][].

## What comes next? { #what-is-next .question data-level="advanced" data-sources="B2a" }

!!! answer "Short answer"
    Two.

```{.python #fig-next .figure alt="a point"}
import matplotlib.pyplot as plt

plt.plot([1])
```

??? question "Follow-ups"
    - None.

## What is beyond? { #what-is-beyond .question data-level="intermediate" }

!!! answer "Short answer"
    Three.

```python
print(3)
#> 3
```

??? question "Follow-ups"
    - None.

[^one]: One, A. (2001). [doi:10.1000/a(1)b](https://doi.org/10.1000/a(1)b): the first.
"""

OTHER = """\
---
title: The last
description: What comes last, with one line that is drawn and a number that a snippet prints.
---
Lead.

## What is last? { #what-is-last .question data-level="core" data-sources="U4.1" }

!!! answer "Short answer"
    The end.

```{.python #fig-line .figure alt="a line"}
import matplotlib.pyplot as plt

plt.plot([1, 2])
```

??? question "Follow-ups"
    - [Back](../alpha/first-things.md#what-is-first).
"""

QUESTIONS = """\
---
title: Questions
description: Every question of the site with its level, its topic and a short answer to it.
---
Lead.

<!-- questions -->
"""

MODULE = '''\
"""The first things."""

import torch


class One:
    """One.

    Args:
        value: Its value.

    Source: Peano 1889, axiom 1.

    Oracle: itself.

    Example:
        >>> One().value()
        1
    """

    limit: int = 1

    def value(self) -> int:
        """Return it."""
        return 1


def one() -> int:
    """Return one.

    Source: Peano 1889, axiom 1.

    Oracle: itself.

    Example:
        >>> one()
        1
    """
    return _one()


def _one() -> int:
    return 1
'''

CONFIG = """\
site_name: small
nav:
  - Home: index.md
  - Alpha:
      - alpha/first-things.md
  - beta/last.md
  - Elsewhere: https://example.org/x.md
plugins:
  - x: !!python/name:no.such.thing
  - y: !ENV [A, b]
"""

ROW = '{{"name": "dlref.alpha.first_things.{}", "oracle": "x", "dtype": "float64", "values": 0.0, "gradients": null}}'
RECORD = "[\n" + ",\n".join(ROW.format(name) for name in ("One", "One.value", "one")) + "\n]\n"

FILES = {
    "mkdocs.yml": CONFIG,
    "docs/index.md": QUESTIONS.replace("Questions", "Home"),
    "docs/sources.yml": SOURCES,
    "docs/verification.json": RECORD,
    "docs/alpha/index.md": QUESTIONS.replace("Questions", "The alphas"),
    "docs/alpha/first-things.md": PAGE,
    "docs/beta/last.md": OTHER,
    "docs/questions/index.md": QUESTIONS,
    "docs/labs/lab.py": "# %% [markdown]\n# # Lab\n",
    "dlref/__init__.py": '"""All."""\n',
    "dlref/alpha/__init__.py": '"""The alphas."""\n',
    "dlref/alpha/first_things.py": MODULE,
    "dlref/beta/__init__.py": '"""The betas."""\n',
    "dlref/beta/last.py": '"""The last."""\n',
    "sitekit/__init__.py": '"""Machinery, as for alpha/first-things."""\n',
    "sitekit/errors.py": 'import ast\nfrom pathlib import Path\n\nfrom sitekit import fences\n\nNAME = "alpha"\n',
    "tests/alpha/test_first_things.py": "",
    "tests/beta/test_last.py": "",
    "tests/sitekit/test_pages.py": "",
}


def write(root: Path, changes: dict[str, str | None] | None = None) -> Path:
    """Write the tree; a change replaces a file, adds one, or with None leaves one out. Return the root."""
    for name, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return root


def replaced(text: str, old: str, new: str) -> str:
    """Replace what occurs exactly once."""
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    return text.replace(old, new)
