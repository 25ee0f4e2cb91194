"""Running a snippet: alone, guarded, and with nothing left behind."""

import os
import random
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from sitekit import running, sandbox
from sitekit.errors import PageError

PASSES = {
    "a number, one unit off": "print(0.73105)\n#> 0.73104\n",
    "a class that pickles": (
        "import pickle\nfrom dataclasses import dataclass\n\n@dataclass\nclass Point:\n    x: int\n\n"
        "print(pickle.loads(pickle.dumps(Point(3))))\n#> Point(x=3)\n"
    ),
    "future annotations": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n@dataclass\nclass Node:\n"
        "    next: Node | None = None\n\nprint(Node())\n#> Node(next=None)\n"
    ),
    "a multi-line tensor": (
        "import torch\nprint(torch.tensor([[1.5, -2.25], [float('nan'), 1e-8]]))\n"
        "#> tensor([[ 1.5000e+00, -2.2500e+00],\n#>         [        nan,  1.0000e-08]])\n"
    ),
    "an infinity": "import math\nprint(math.inf, -math.inf, math.nan)\n#> inf -inf nan\n",
    "printing from a function and a loop": "def f():\n    print('a')\nfor _ in range(2):\n    f()\n#> a\n#> a\n",
    "an empty line": "print('a\\n\\nb')\n#> a\n#>\n#> b\n",
}


@pytest.mark.parametrize("code", PASSES.values(), ids=PASSES)
def test_passes(code: str) -> None:
    running.check(code, "page.md", 10)


FAILS = {
    "a wrong digit": ("print(0.7311)\n#> 0.7315\n", 10, "documents '0.7315', but prints '0.7311'"),
    "a whole float": ("print(1.9)\n#> 1.\n", 10, "documents '1.', but prints '1.9'"),
    "a reordered line": ("for i in (1, 2):\n    print(i)\n#> 2\n#> 1\n", 10, "documents"),
    "undocumented output": ("x = 1\nprint(x)\n", 11, "prints '1', which no #> line documents"),
    "documented, not printed": ("x = 1\n#> 1\n", 10, "documents '1', but prints nothing"),
    "output below the wrong statement": ("print(1)\nx = 2\n#> 1\n", 10, "which no #> line documents"),
    "an unknown name": ("x = 1\nprint(y)\n", 11, "NameError: name 'y' is not defined"),
    "an exception in a function": ("def f():\n    return 1 / 0\n\nf()\n", 11, "ZeroDivisionError"),
    "an exception with a hint": ("int('x')\n", 10, 'tag the fence raises="ValueError"'),
    "a warning": ("import warnings\nwarnings.warn('old')\n", 11, "UserWarning: old"),
    "a network call": ("import urllib.request as r\nr.urlopen('http://127.0.0.1:1')\n", 11, "without a network"),
    "a name look-up": ("import socket\nsocket.getaddrinfo('example.org', 80)\n", 11, "without a network"),
    "a syntax error": ("x = 1\nx = = 2\n", 11, "SyntaxError"),
    "an exit": ("raise SystemExit(0)\n", 10, "SystemExit"),
    "numbers without a seed": ("import torch\nprint(torch.rand(()))\n#> tensor(0.4963)\n", 11, "documents"),
    "misplaced output": ("#> 1\n", 10, "before the statement"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "line", "message"), FAILS.values(), ids=FAILS)
def test_fails_at_its_line(code: str, line: int, message: str) -> None:
    with pytest.raises(PageError) as caught:
        running.check(code, "page.md", 10)
    assert message in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize("body", ["pass", "try:\n        pass\n    except Exception:\n        pass"])
def test_an_endless_loop_is_stopped(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr(sandbox, "CPU_SECONDS", 0.05)
    with pytest.raises(PageError, match="endless loop") as caught:
        running.check(f"x = 1\nwhile True:\n    {body}\n", "page.md", 10)
    assert caught.value.line in range(11, 15)


def test_an_endless_sleep_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.05)
    with pytest.raises(PageError, match="endless loop"):
        running.check("import time\ntime.sleep(60)\n", "page.md")


def test_an_endless_loop_in_a_thread_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.05)
    faults: list[PageError] = []

    def check() -> None:
        try:
            running.check("while True:\n    pass\n", "page.md")
        except PageError as fault:
            faults.append(fault)

    thread = threading.Thread(target=check)
    thread.start()
    thread.join(10)
    assert "endless loop" in str(faults[0])


RAISES = "def f(x):\n    raise ValueError(f'bad {x}')\n\nf(3)\n#> ValueError: bad 3\n"


def test_an_expected_error_passes_and_shows_its_message() -> None:
    running.check(RAISES, "page.md", raises="ValueError")
    running.check(RAISES, "page.md", raises="Exception")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n", "ran to its end"),
        ("1 / 0\n", "ZeroDivisionError instead of ValueError"),
        (RAISES.replace("bad 3", "bad 4"), "documents 'ValueError: bad 4', but prints 'ValueError: bad 3'"),
        (RAISES.replace("#> ValueError: bad 3\n", ""), "which no #> line documents"),
        (RAISES + "x = 1\n", "must come from the last statement"),
    ],
)
def test_an_expected_error_that_differs_fails(code: str, message: str) -> None:
    with pytest.raises(PageError) as caught:
        running.check(code, "page.md", raises="ValueError")
    assert message in str(caught.value)


def test_one_snippet_sees_nothing_of_another() -> None:
    running.check("secret = 1\n", "page.md", 1)
    with pytest.raises(PageError, match="name 'secret' is not defined"):
        running.check("print(secret)\n", "page.md", 5)
    assert not [name for name in sys.modules if name.startswith("snippet_")]


def test_settings_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLREF_LEFT_BEHIND", raising=False)
    before = (os.getcwd(), torch.get_default_dtype(), np.get_printoptions(), np.geterr(), sys.path[:])
    running.check(
        "import os, sys, torch, numpy as np, matplotlib.pyplot as plt\n"
        "os.chdir('/')\nos.environ['DLREF_LEFT_BEHIND'] = '1'\nsys.path.append('x')\n"
        "torch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\ntorch.set_printoptions(precision=2)\n"
        "torch.use_deterministic_algorithms(True)\nnp.set_printoptions(precision=2)\nnp.seterr(all='raise')\nplt.plot([1])\n",
        "page.md",
    )
    import matplotlib.pyplot as plt

    after = (os.getcwd(), torch.get_default_dtype(), np.get_printoptions(), np.geterr(), sys.path[:])
    assert after == before
    assert torch.is_grad_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    assert "DLREF_LEFT_BEHIND" not in os.environ
    assert str(torch.tensor(1 / 3)) == "tensor(0.3333)"
    assert plt.get_fignums() == []


def test_the_ambient_seed_is_unknown() -> None:
    code = "import random, numpy, torch\nprint(random.random(), numpy.random.rand(), torch.rand(()).item())\n"
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    first, second = (running.run(code, "page.md")[-1].printed[0].split() for _ in range(2))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_imports_do_not_count_as_running_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sandbox, "CPU_SECONDS", 0.1)
    running.check("import slow_to_import\n", "page.md")
    assert sys.modules.pop("slow_to_import")


def test_a_snippet_computes_on_one_thread() -> None:
    code = "import numpy, torch\nfrom threadpoolctl import threadpool_info\n"
    running.check(f"{code}print({{pool['num_threads'] for pool in threadpool_info()}})\n#> {{1}}\n", "page.md")
