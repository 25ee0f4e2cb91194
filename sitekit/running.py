"""Run a snippet as a reader would who copied it alone: in a fresh module, with nothing left over from another.

Warnings are errors, the network is blocked, time is limited, and what the code changes of Python's, NumPy's, torch's
and Matplotlib's settings is put back. Nothing is seeded: a snippet that needs a seed sets it.
"""

import __future__

import ast
import contextlib
import ctypes
import importlib
import io
import os
import random
import signal
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sitekit import outputs, shapes
from sitekit.errors import PageError
from sitekit.outputs import Step

CPU_SECONDS = 2.0
WALL_SECONDS = 30.0
_FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class TimeLimitError(BaseException):
    """A snippet ran too long; no ``except Exception`` of the snippet can swallow it."""

    def __str__(self) -> str:
        """Say which limit."""
        return f"took more than {CPU_SECONDS:g} s of processor time (or {WALL_SECONDS:g} s in all): an endless loop?"


class NetworkBlockedError(RuntimeError):
    """A snippet reached for the network."""


@contextlib.contextmanager
def running(
    code: str | list[Step], path: Path | str, line: int = 1, *, raises: str = "", readers_view: bool = False
) -> Iterator[list[Step]]:
    """Run a snippet and hand out its statements with what each printed; on leaving, put everything back.

    Args:
        code: The snippet, or its statements if they are cut already.
        path: The file that it stands in, for messages and tracebacks.
        line: The line of that file on which the code begins.
        raises: The name of the exception that must end it, or empty.
        readers_view: Import dlref without the shape checker, as a reader does; always so with ``raises``.

    Raises:
        PageError: The code fails, warns, hangs, reaches for the network, or does not raise what it should.
    """
    found = _steps(code, path, line) if isinstance(code, str) else code
    module = types.ModuleType(f"snippet_{Path(path).stem}_{line}".replace("-", "_"))
    module.__file__ = str(path)
    view = shapes.unchecked() if raises or readers_view else contextlib.nullcontext()
    with view, _restored(), _module(module):
        _import_first(found)
        raised = _execute(found, module, path, line, raises)
        if raises and raised is None:
            raise PageError(path, line, f"raises={raises!r}, but the snippet ran to its end")
        yield found


def run(
    code: str | list[Step], path: Path | str, line: int = 1, *, raises: str = "", readers_view: bool = False
) -> list[Step]:
    """Run a snippet and return its statements with what each printed."""
    with running(code, path, line, raises=raises, readers_view=readers_view) as found:
        return found


def check(code: str | list[Step], path: Path | str, line: int = 1, *, raises: str = "") -> None:
    """Run a snippet and compare what it prints with its ``#>`` lines.

    Raises:
        PageError: With the line of the first statement whose output differs, both texts in the message.
    """
    for step in run(code, path, line, raises=raises):
        if not outputs.same(step.expected, step.printed):
            raise PageError(path, line + step.line - 1, difference(step))


def available(capability: str) -> bool:
    """Tell whether this machine has what ``requires=`` names."""
    import torch

    return torch.cuda.is_available() if capability == "cuda" else torch.backends.mps.is_available()


def difference(step: Step) -> str:
    """Describe how the printed output of a statement differs from the documented one."""
    if not step.expected:
        return f"prints {_quoted(step.printed)}, which no {outputs.MARK} line documents"
    if not step.printed:
        return f"documents {_quoted(step.expected)}, but prints nothing"
    return f"documents {_quoted(step.expected)}, but prints {_quoted(step.printed)}"


def _quoted(lines: list[str]) -> str:
    return "\n".join(["", *(f"    {line}" for line in lines)]) if len(lines) > 1 else repr(lines[0])


def _steps(code: str, path: Path | str, line: int) -> list[Step]:
    try:
        return outputs.steps(code)
    except SyntaxError as error:
        raise PageError(path, line + (error.lineno or 1) - 1, f"SyntaxError: {error.msg}") from None
    except ValueError as error:
        message, number = error.args
        raise PageError(path, line + number - 1, message) from None


def _execute(
    found: list[Step], module: types.ModuleType, path: Path | str, line: int, raises: str
) -> BaseException | None:
    """Run the statements one by one; return the expected exception if it came."""
    flags, stdout = 0, io.StringIO()
    with contextlib.redirect_stdout(stdout), _no_network(), warnings.catch_warnings(), _time_limit():
        warnings.simplefilter("error")
        for step in found:
            error = None
            try:
                node = ast.increment_lineno(step.node, line - 1)
                block = ast.Interactive([node]) if step.interactive else ast.Module([node], [])
                mode = "single" if step.interactive else "exec"
                compiled = compile(block, str(path), mode, flags, dont_inherit=True)
                flags |= compiled.co_flags & _FUTURE
                exec(compiled, module.__dict__)
            except (Exception, SystemExit, TimeLimitError) as caught:
                error = caught
            text = stdout.getvalue()
            stdout.seek(0)
            stdout.truncate()
            step.printed = [printed.rstrip() for printed in text.splitlines()]
            if error is None:
                continue
            names = [base.__name__ for base in type(error).__mro__]
            if raises not in names:
                raise PageError(path, _line_of(error, path, line + step.line - 1), _describe(error, raises)) from error
            if step is not found[-1]:
                raise PageError(path, line + step.line, f"the {raises} must come from the last statement") from error
            step.printed += f"{type(error).__name__}: {error}".splitlines()
            return error
    return None


def _describe(error: BaseException, raises: str) -> str:
    if isinstance(error, TimeLimitError):
        return str(error)
    expected = f" instead of {raises}" if raises else ""
    hint = "" if raises else f'; if the error is what the page shows, tag the fence raises="{type(error).__name__}"'
    return f"{type(error).__name__}{expected}: {error}{hint if isinstance(error, ValueError | TypeError) else ''}"


def _line_of(error: BaseException, path: Path | str, default: int) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or default
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return next((number for number in reversed(lines) if number), default)


def _import_first(found: list[Step]) -> None:
    """Import what the snippet imports, so that a slow first import does not count as its running time."""
    names: set[str] = set()
    for step in found:
        if isinstance(step.node, ast.Import):
            names.update(alias.name for alias in step.node.names)
        elif isinstance(step.node, ast.ImportFrom) and step.node.module and not step.node.level:
            names.add(step.node.module)
    if "torch" in names and any("optim" in ast.unparse(step.node) for step in found):
        names.add("torch._dynamo")  # torch imports it, for a second or more, when the first optimiser is made
    for name in names - sys.modules.keys():
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(name)


@contextlib.contextmanager
def _module(module: types.ModuleType) -> Iterator[None]:
    """Let the module be found by its name while it runs: pickle and dataclasses look it up."""
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        sys.modules.pop(module.__name__, None)


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Start from settings as in a new interpreter, with unknown seeds, and put back what the code changes."""
    os.environ.setdefault("MPLBACKEND", "agg")
    directory, environment, search_path = os.getcwd(), dict(os.environ), list(sys.path)
    seed = int.from_bytes(os.urandom(4), "big")
    random.seed(seed)
    undo = [_reset_numpy(seed), _reset_torch(seed)]
    try:
        yield
    finally:
        for restore in undo:
            restore()
        if os.getcwd() != directory:
            os.chdir(directory)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        sys.path[:] = search_path
        _close_figures()


def _reset_numpy(seed: int) -> Callable[[], None]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return lambda: None
    numpy.random.seed(seed)
    options, handling = numpy.get_printoptions(), numpy.geterr()

    def restore() -> None:
        numpy.set_printoptions(**options)
        numpy.seterr(**handling)

    return restore


def _reset_torch(seed: int) -> Callable[[], None]:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return lambda: None
    torch.default_generator.manual_seed(seed)  # torch.manual_seed also walks the accelerators: 1 ms
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    deterministic = torch.are_deterministic_algorithms_enabled()

    def restore() -> None:
        torch.set_printoptions(profile="default")
        if torch.get_default_dtype() != dtype:
            torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)

    return restore


def _close_figures() -> None:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


_blocked = False
_NETWORK = frozenset("socket.connect socket.bind socket.getaddrinfo socket.gethostbyname socket.sendto".split())


def _audit(event: str, _: tuple[object, ...]) -> None:
    if _blocked and event in _NETWORK:
        raise NetworkBlockedError(f"a snippet works without a network, and this one called {event}")


sys.addaudithook(_audit)


@contextlib.contextmanager
def _no_network() -> Iterator[None]:
    global _blocked
    _blocked, before = True, _blocked
    try:
        yield
    finally:
        _blocked = before


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Stop the code when it has used its processor time, or has waited too long.

    Processor time, since a machine may be shared; signals, since they also end a sleep. Where there are none (Windows,
    or a thread), a timer raises in the running thread at the wall-clock limit.
    """

    def stop(*_: object) -> None:
        raise TimeLimitError

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        thread = ctypes.c_ulong(threading.get_ident())
        timer = threading.Timer(
            WALL_SECONDS, lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeLimitError))
        )
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        return
    before = [(number, signal.signal(number, stop)) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before:
            signal.signal(number, handler)
