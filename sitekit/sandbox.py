"""What surrounds a running snippet: fresh settings before, put back afterwards; no network; a time limit."""

import contextlib
import ctypes
import functools
import os
import random
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import threadpoolctl

CPU_SECONDS = 2.0
WALL_SECONDS = 30.0


class TimeLimitError(BaseException):
    """A snippet ran too long; no ``except Exception`` of the snippet can swallow it."""

    def __str__(self) -> str:
        """Say which limit."""
        return f"took more than {CPU_SECONDS:g} s of processor time (or {WALL_SECONDS:g} s in all): an endless loop?"


class NetworkBlockedError(RuntimeError):
    """A snippet reached for the network."""


@contextlib.contextmanager
def module(module: types.ModuleType) -> Iterator[None]:
    """Let the module be found by its name while it runs: pickle and dataclasses look it up."""
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        sys.modules.pop(module.__name__, None)


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Start from settings as in a new interpreter, with unknown seeds, and put back what the code changes."""
    _one_thread()
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
        close_figures()


@functools.cache
def _one_thread() -> None:
    """Compute on one thread: several are slower for small arrays, and their processor time would add up."""
    os.environ.setdefault("MPLBACKEND", "agg")
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    threadpoolctl.threadpool_limits(1)  # for what is loaded already


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


def close_figures() -> None:
    """Close every figure, if Matplotlib is loaded."""
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
def no_network() -> Iterator[None]:
    """Refuse connections and name look-ups."""
    global _blocked
    _blocked, before = True, _blocked
    try:
        yield
    finally:
        _blocked = before


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
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
