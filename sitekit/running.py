"""Run a snippet as a reader would who copied it alone: in a fresh module, with nothing left over from another.

Warnings are errors, the network is blocked, time is limited, and what the code changes of Python's, NumPy's, torch's
and Matplotlib's settings is put back. Nothing is seeded: a snippet that needs a seed sets it.
"""

import __future__

import ast
import contextlib
import importlib
import io
import sys
import traceback
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

from sitekit import figure_style, outputs, sandbox, shapes
from sitekit.errors import PageError
from sitekit.fences import Fence
from sitekit.outputs import Step

_FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


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
    with view, sandbox.restored(), sandbox.module(module):
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
    compare(run(code, path, line, raises=raises), path, line)


def compare(found: list[Step], path: Path | str, line: int = 1) -> None:
    """Raise a PageError at the first statement whose output is not the documented one."""
    for step in found:
        if not outputs.same(step.expected, step.printed):
            raise PageError(path, line + step.line - 1, difference(step))


def run_fence(fence: Fence) -> list[Step]:
    """Run a fence of a page as its attributes say, a figure in the style that it is drawn in."""
    with figure_style.use() if fence.is_figure else contextlib.nullcontext():
        return run(fence.code, fence.path, fence.code_line, raises=fence.attributes.get("raises", ""))


def missing(fence: Fence) -> str:
    """Name the hardware that a fence requires and this machine lacks, or return an empty string."""
    required = fence.attributes.get("requires", "")
    return required if required and not available(required) else ""


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
    with contextlib.redirect_stdout(stdout), sandbox.no_network(), warnings.catch_warnings(), sandbox.time_limit():
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
            except (Exception, SystemExit, sandbox.TimeLimitError) as caught:
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
    if isinstance(error, sandbox.TimeLimitError):
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
