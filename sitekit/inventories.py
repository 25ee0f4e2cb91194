"""Links into the documentation of torch, NumPy and Python without fetching their inventories.

``python -m sitekit.inventories`` collects the names that dlref's annotations and docstrings and the pages use, checks
by import that each exists, and writes a Sphinx inventory of each library to ``sitekit/vendor``. The site's build reads
these; it needs no network.
"""

import builtins
import hashlib
import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sphobjinv

from sitekit.linked_names import collect

VENDOR = Path(__file__).parent / "vendor"
BASES = {
    "torch": "https://docs.pytorch.org/docs/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "python": "https://docs.python.org/3/",
}
# What stands on a page of several; everything else has a page of its own, generated/<name>.html.
TORCH_PAGES = {
    "torch.Tensor": "tensors",
    "torch.dtype": "tensor_attributes",
    "torch.device": "tensor_attributes",
    "torch.layout": "tensor_attributes",
    "torch.memory_format": "tensor_attributes",
    "torch.finfo": "type_info",
    "torch.iinfo": "type_info",
    "torch.Size": "size",
    "torch.autograd.Function": "autograd",
    "torch.autograd.set_detect_anomaly": "autograd",
    "torch.autograd.detect_anomaly": "autograd",
    "torch.autograd.graph.saved_tensors_hooks": "autograd",
}
TORCH_SECTIONS = {
    "torch.nn.init": "nn.init",
    "torch.testing": "testing",
    "torch.utils.checkpoint": "checkpoint",
    "torch.utils.data": "data",
    "torch.distributions": "distributions",
}
BUILTIN_TYPES = {"str", "list", "dict", "tuple", "set", "frozenset", "range", "bytes", "bytearray", "memoryview"}


def resolve(name: str) -> Any:
    """Return the object of a dotted name.

    Raises:
        ValueError: There is none.
    """
    if hasattr(builtins, name):
        return getattr(builtins, name)
    first, *rest = name.split(".")
    path = first
    try:
        thing = importlib.import_module(first)
        for part in rest:
            path = f"{path}.{part}"
            # As code finds it: torch.autograd.gradcheck is the function, although a module has its name.
            thing = getattr(thing, part) if hasattr(thing, part) else importlib.import_module(path)
    except ImportError:
        raise ValueError(f"no such name, so nothing to link to: {name}") from None
    return thing


def entry(name: str) -> sphobjinv.DataObjStr | None:
    """Return a name's place in its library's documentation; None for what is no function, class or method.

    Raises:
        ValueError: There is no such name.
    """
    thing = resolve(name)
    library = library_of(name)
    if inspect.ismodule(thing) or not (callable(thing) or name.startswith("torch.Tensor.")):
        return None
    role = _role(name, thing)
    address = {"torch": _torch, "numpy": _numpy, "python": _python}[library](name, role)
    fields: Any = {"name": name, "domain": "py", "role": role, "priority": "1", "uri": address, "dispname": "-"}
    return sphobjinv.DataObjStr(**fields)


def library_of(name: str) -> str:
    """Say whose name it is: torch's, NumPy's or Python's."""
    first = name.partition(".")[0]
    return first if first in ("torch", "numpy") else "python"


def _role(name: str, thing: Any) -> str:
    if inspect.isclass(thing):
        return "exception" if issubclass(thing, BaseException) else "class"
    owner = name.rpartition(".")[0]
    in_class = bool(owner) and inspect.isclass(resolve(owner))
    return ("method" if callable(thing) else "attribute") if in_class else "function"


def _torch(name: str, role: str) -> str:
    owner = name.rpartition(".")[0]
    if name in TORCH_PAGES:
        page = TORCH_PAGES[name]
    elif owner in TORCH_SECTIONS:
        page = TORCH_SECTIONS[owner]
    elif name == "torch.autograd.gradcheck":  # a function that hides the module it lives in
        return "generated/torch.autograd.gradcheck.gradcheck.html#torch.autograd.gradcheck.gradcheck"
    elif role in ("method", "attribute") and owner not in TORCH_PAGES:
        page = f"generated/{owner}"  # a method of a module stands on its class's page
    else:
        page = f"generated/{name}"
    return f"{page}.html#$"


def _numpy(name: str, role: str) -> str:
    if name in ("numpy.random.Generator", "numpy.random.default_rng"):
        return "reference/random/generator.html#$"
    if name.startswith("numpy.random.Generator."):
        return f"reference/random/generated/{name}.html#$"
    if name in ("numpy.float16", "numpy.float32", "numpy.float64", "numpy.int64", "numpy.bool"):
        return "reference/arrays.scalars.html#$"
    if name.startswith("numpy.typing."):
        return "reference/typing.html#$"
    return f"reference/generated/{name}.html#$"


def _python(name: str, role: str) -> str:
    module = name.rpartition(".")[0]
    if module:
        return f"library/{module}.html#$"
    if role == "exception":
        return "library/exceptions.html#$"
    return "library/stdtypes.html#$" if name in BUILTIN_TYPES else "library/functions.html#$"


def inventory(library: str, names: Iterable[str]) -> sphobjinv.Inventory:
    """Return the inventory of the names that belong to a library, each checked by import."""
    found = sphobjinv.Inventory()
    found.project, found.version = library, "stable"
    entries = (entry(name) for name in sorted(set(names)) if library_of(name) == library)
    found.objects.extend(one for one in entries if one is not None)
    return found


def lines(found: sphobjinv.Inventory) -> list[str]:
    """Return what an inventory says, a line each name: name, role, address."""
    return [f"{one.name} {one.role} {one.uri_expanded}" for one in found.objects]


def read(path: Path) -> list[str]:
    """Return the lines of a written inventory."""
    source: Any = {"fname_zlib": str(path)}
    return lines(sphobjinv.Inventory(**source))


def write(found: sphobjinv.Inventory, path: Path) -> None:
    """Write an inventory, if that changes what it says."""
    if not path.exists() or read(path) != lines(found):
        sphobjinv.writebytes(path, sphobjinv.compress(found.data_file()))


def localize(handlers: dict[str, Any], root: Path) -> None:
    """Turn the paths of inventories in mkdocstrings' settings into URLs, the only thing that it takes.

    It keeps what it read from a URL for a day: a hash in each has it read a changed file at once.
    """
    for settings in handlers.values():
        for one in settings.get("inventories", []):
            if isinstance(one, dict) and "://" not in one["url"]:
                path = root / one["url"]
                one["url"] = f"{path.as_uri()}#{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def main() -> None:
    """Write the three inventories."""
    names = collect(VENDOR.parent.parent)
    for library in BASES:
        found = inventory(library, names)
        write(found, VENDOR / f"{library}.inv")
        print(f"{library}: {len(found.objects)} names")


if __name__ == "__main__":
    main()
