"""Pages, docstrings and README as pytest items: found, failing at file and line, also alone and in parallel."""

from pathlib import Path

import pytest

from sitekit import docstrings, fences
from sitekit.census import python_fences
from sitekit.collect import pages

ROOT = Path(__file__).parents[2]
CONFTEST = """
from pathlib import Path
from sitekit.collect import sybils
pytest_collect_file = sybils(Path(__file__).parent).pytest()
"""
PAGE = """\
# Page

```python
x = 1
print(x)
#> 1
```

!!! note

    ```python
    print(x)
    #> 1
    ```

```py
print(1)
```

```{.python raises="ValueError"}
int("x")
#> ValueError: invalid literal for int() with base 10: 'x'
```

```python
print(0.25)
#> 0.75
```

```{.python requires="mps"}
import torch
print(torch.ones(1, device="mps").device.type)
#> mps
```
"""
MODULE = '''\
def half(x):
    """Halve.

    Example:
        >>> half_of = 3 / 2
        >>> half_of
        1.5
        >>> for i in range(2):
        ...     print(i)
        0
        1
    """


def bad():
    """Show what is not so.

    >>> 1 + 1
    3
    """


def fenced():
    """Show a fence.

    ```python
    print(1)
    ```
    """
'''


@pytest.fixture
def tree(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\npythonpath = [{str(ROOT)!r}]\n")
    for name, text in {"docs/section/page.md": PAGE, "dlref/module.py": MODULE, "README.md": "```\nx\n```\n"}.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return pytester


def test_every_fence_is_an_item_and_faults_are_found(tree: pytest.Pytester) -> None:
    result = tree.runpytest("docs", "dlref", "README.md", "-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(passed=3, failed=6, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*docs/section/page.md:12: NameError: name 'x' is not defined*",
            "*docs/section/page.md:16: unknown language 'py'*",
            "*docs/section/page.md:26: documents '0.75', but prints '0.25'*",
            "*dlref/module.py:18: documents '3', but prints '2'*",
            "*dlref/module.py:24: a docstring shows its example behind >>>*",
            "*README.md:1: untagged fence*",
            "*requires mps, which this machine lacks*",
        ]
    )


def test_an_item_runs_alone(tree: pytest.Pytester) -> None:
    result = tree.runpytest("docs/section/page.md::line:3,column:1", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def test_items_run_in_parallel(tree: pytest.Pytester) -> None:
    result = tree.runpytest_subprocess("docs", "dlref", "README.md", "-n", "2", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, failed=6, skipped=1)


def test_the_census_agrees_on_every_page() -> None:
    counted = {page: python_fences(page.read_text("utf-8")) for page in pages(ROOT)}
    parsed = {page: [f.line for f in fences.parse(page.read_text("utf-8"), page) if f.runs] for page in counted}
    assert parsed == counted
    assert sum(map(len, counted.values())) > 0


def test_no_docstring_example_is_lost() -> None:
    for source in (ROOT / "dlref").rglob("*.py"):
        text = source.read_text("utf-8")
        found = list(docstrings.examples(text, source))
        statements = sum(len(e.steps) for e in found if isinstance(e, docstrings.Example))
        assert statements == text.count(">>> "), source
