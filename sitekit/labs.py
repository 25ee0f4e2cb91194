"""Labs run side by side, each in a kernel of this very Python, and what they show is kept.

The key of the cache is made of a lab's code, of the dlref modules that it imports, of the versions of the libraries and
of this machinery; a change of prose does not run a lab again.
"""

import ast
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat
from filelock import AsyncFileLock
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from sitekit import figure_svg, lab_source
from sitekit.errors import PageError

CACHE = Path(".cache/labs")
CELL_SECONDS = 300
SHOWN = ("image/svg+xml", "text/html", "text/plain")
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]+")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def execute(path: Path, cache_dir: Path = CACHE) -> NotebookNode:
    """Return a lab as an executed notebook, run now or taken from the cache.

    Raises:
        PageError: A cell fails, warns, hangs, or shows what cannot stand on a page; with the line of the fault.
    """
    return execute_all([path], cache_dir)[0]


def execute_all(paths: Sequence[Path], cache_dir: Path = CACHE, jobs: int | None = None) -> list[NotebookNode]:
    """Execute labs side by side, by default as many as there are processors, and show how far they are.

    Raises:
        PageError: Of the first lab that fails; the message names the others too.
    """
    outcomes = asyncio.run(_execute_all(paths, cache_dir, jobs or os.cpu_count() or 1))
    faults = [outcome for outcome in outcomes if isinstance(outcome, PageError)]
    if faults:
        first, *others = faults
        raise PageError(first.path, first.line, "\n".join([first.message, *map(str, others)]))
    return [outcome for outcome in outcomes if isinstance(outcome, NotebookNode)]


def cached(path: Path, cache_dir: Path = CACHE) -> NotebookNode | None:
    """Return the executed notebook if the cache holds it, and None if the lab would have to run."""
    notebook = lab_source.read(path)
    return _filled(notebook, _entry(notebook, path, cache_dir))


def results(notebook: NotebookNode) -> dict[str, Any]:
    """Read the numbers that a lab ends in: its last code cell shows a dict of plain Python values.

    Raises:
        ValueError: It shows none.
    """
    outputs = lab_source.code_cells(notebook)[-1].outputs
    data = next((output.data for output in outputs if output.output_type == "execute_result"), {})
    text = next(iter(data.values()), "")
    try:
        found = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        found = None
    if not isinstance(found, dict):
        shown = repr(text) if text else "nothing"
        raise ValueError(f"a lab ends in a cell that shows a dict of plain numbers and texts; this one shows {shown}")
    return found


async def _execute_all(paths: Sequence[Path], cache_dir: Path, jobs: int) -> list[NotebookNode | PageError]:
    slots = asyncio.Semaphore(jobs)
    with tqdm(total=0, desc="labs", unit="cell", disable=None, leave=False) as bar:

        async def one(path: Path) -> NotebookNode | PageError:
            async with slots:
                try:
                    return await _execute(path, cache_dir, bar)
                except PageError as fault:
                    return fault

        return await asyncio.gather(*map(one, paths))


async def _execute(path: Path, cache_dir: Path, bar: "tqdm[Any]") -> NotebookNode:
    notebook = lab_source.read(path)
    entry = _entry(notebook, path, cache_dir)
    if found := _filled(notebook, entry):
        return found
    cache_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncFileLock(cache_dir / f"{path.stem}.lock"):  # the tests and the site may want the same lab at once
        if found := _filled(notebook, entry):
            return found
        started = time.perf_counter()
        cells = lab_source.code_cells(notebook)
        bar.total += len(cells)
        async with _kernel(notebook, path) as client:
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type == "code":
                    bar.set_postfix_str(f"{path.stem}, line {cell.metadata.line}")
                    await _run(client, cell, index, path)
                    bar.update()
        _check_results(notebook, path)
        _store(entry, notebook, path)
        tqdm.write(f"lab {path.stem}: {len(cells)} cells in {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return notebook


class _ThisPython(KernelSpecManager):
    """Start this interpreter, whatever kernels the user has installed under the name python3."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=[*argv, "--HistoryManager.enabled=False"], language="python", display_name=kernel_name)


class _DiedError(PageError):
    """A cell that took the kernel down with it."""


@asynccontextmanager
async def _kernel(notebook: NotebookNode, path: Path) -> AsyncIterator[NotebookClient]:
    """Start a kernel that is ready for the first cell, and end it."""
    manager = AsyncKernelManager(kernel_spec_manager=_ThisPython())
    client = NotebookClient(notebook, km=manager, timeout=CELL_SECONDS, record_timing=False, coalesce_streams=True)
    with tempfile.TemporaryDirectory() as settings, tempfile.TemporaryFile() as log:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MPL", "PYTHONWARN"))}
        environment |= _ONE_THREAD | {"IPYTHONDIR": settings, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(lab_source.ROOT), environment.get("PYTHONPATH")]))
        try:
            await manager.start_kernel(env=environment, cwd=str(lab_source.ROOT), stdout=log, stderr=log)
            client.kc = manager.client()
            client.kc.start_channels()
            await client.kc.wait_for_ready(timeout=CELL_SECONDS)
            code = "from sitekit import lab_kernel\nlab_kernel.prepare()\ndel lab_kernel"
            execute: Any = client.kc.execute  # pyright sees the method below the one that awaits the reply
            reply = await execute(code, silent=True, reply=True, timeout=CELL_SECONDS)
            if reply["content"]["status"] != "ok":
                raise RuntimeError("\n".join(reply["content"]["traceback"]))
            client.reset_execution_trackers()
            yield client
        except (_DiedError, RuntimeError, TimeoutError) as error:
            log.seek(0)
            last = log.read().decode("utf-8", "replace").splitlines()[-20:]
            line = error.line if isinstance(error, _DiedError) else 1
            raise PageError(path, line, "\n".join([f"the kernel of the lab died: {error}", *last])) from error
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            await manager.shutdown_kernel(now=True)


async def _run(client: NotebookClient, cell: NotebookNode, index: int, path: Path) -> None:
    line = cell.metadata.line
    try:
        await client.async_execute_cell(cell, index)
    except CellExecutionError as error:
        trace = "\n".join("\n".join(output.traceback) for output in cell.outputs if output.output_type == "error")
        places = re.findall(rf"Cell In\[{cell.execution_count}\], line (\d+)", _ANSI.sub("", trace))
        place = line + int(places[-1]) - 1 if places else line
        raise PageError(path, place, f"{error.ename}: {_ANSI.sub('', error.evalue)}") from None
    except DeadKernelError as error:
        raise _DiedError(path, line, str(error)) from None
    except CellTimeoutError:
        raise PageError(path, line, f"the cell takes more than {CELL_SECONDS} s") from None
    cell.metadata.pop("execution", None)
    figures = [output for output in cell.outputs if "image/svg+xml" in output.get("data", {})]
    if len(figures) > 1 or bool(figures) != ("fig-alt" in cell.metadata.options):
        count = f"{len(figures)} figures" if figures else "no figure"
        raise PageError(path, line, f"a cell with the option fig-alt draws one figure, others none; this draws {count}")
    # Progress bars and the murmur of libraries go to stderr; a warning that matters is an error already.
    cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    if figures:  # what the last line of a drawing returns is of no interest
        cell.outputs = [output for output in cell.outputs if output.output_type != "execute_result"]
    for output in cell.outputs:
        _clean(output, path, line)


def _clean(output: NotebookNode, path: Path, line: int) -> None:
    """Leave of an output what the page shows."""
    if output.output_type == "error":
        raise PageError(path, line, f"{output.ename}: {_ANSI.sub('', output.evalue)}")
    if output.output_type == "execute_result":
        output.execution_count = None
    data = output.get("data", {"text/plain": output.get("text", "")})
    kind = next((kind for kind in SHOWN if kind in data), "")
    if not kind or (kind == "text/plain" and len(data) > 1):
        raise PageError(path, line, f"a cell shows {' or '.join(SHOWN)}; this shows {', '.join(data)}")
    if kind == "image/svg+xml":
        try:
            data[kind] = figure_svg.fit(data[kind])
        except figure_svg.Unfit as fault:
            raise PageError(path, line, str(fault)) from None
    elif _ADDRESS.search(data[kind]):
        raise PageError(path, line, f"an output that no two runs have in common: {data[kind].strip()[:200]}")
    if "data" in output:
        output.data, output.metadata = NotebookNode({kind: data[kind]}), NotebookNode()


def _check_results(notebook: NotebookNode, path: Path) -> None:
    try:
        results(notebook)
    except ValueError as error:
        raise PageError(path, lab_source.code_cells(notebook)[-1].metadata.line, str(error)) from None


def _entry(notebook: NotebookNode, path: Path, cache_dir: Path) -> Path:
    return cache_dir / f"{path.stem}-{lab_source.key(notebook)}.ipynb"


def _filled(notebook: NotebookNode, entry: Path) -> NotebookNode | None:
    """Put what the cache holds below the cells, whose prose may have changed since."""
    if not entry.exists():
        return None
    kept = nbformat.read(entry, as_version=4)
    for cell, run in zip(lab_source.code_cells(notebook), lab_source.code_cells(kept), strict=True):
        cell.execution_count, cell.outputs = run.execution_count, run.outputs
    return notebook


def _store(entry: Path, notebook: NotebookNode, path: Path) -> None:
    """Write the entry whole or not at all, and drop those of the lab's earlier versions."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=entry.parent, suffix=".tmp", delete=False) as file:
        file.write(nbformat.writes(notebook))
    os.replace(file.name, entry)
    for other in entry.parent.glob(f"{path.stem}-{'?' * 20}.ipynb"):
        if other != entry:
            other.unlink(missing_ok=True)
