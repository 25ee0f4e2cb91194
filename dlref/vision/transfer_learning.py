"""Transfer learning: load published weights, freeze a body, give it a new head, fine-tune it gently."""

import hashlib
import re
import warnings
from collections.abc import Mapping, Set
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

ADDRESS = ("https://", "http://", "file://")
SHOWN = 3  # names in an error message


def load_published(model: nn.Module, source: str | Path) -> nn.Module:
    """Fill a model with the weights of a file that somebody published, or leave it as it is and say what is wrong.

    The names, shapes and values of the file are checked whole before the first one is written. A file may lack batch
    norm's num_batches_tracked, as old ones do: the model keeps its own. It may hold auxiliary heads (aux1.*, aux2.*)
    that the model lacks, as GoogLeNet's does: they are left out. Any other difference is an error.

    Args:
        model: Changed in place, on its own device, in its own dtype; train or eval mode stays as it is.
        source: A file written by torch.save, or its address (https, http, file). A download is kept in torch's folder
            (torch.hub.get_dir() / "checkpoints"). A name such as vgg16-397923af.pth carries the first 8 or more digits
            of the file's SHA-256, and a file that does not match is refused. Without them nobody can notice a changed
            number; such an address is downloaded anew each time.

    Returns:
        The same model.

    Raises:
        ValueError: damaged, truncated, or foreign file, pickled code, other names, shapes or kinds of numbers, numbers
            that are not finite, or a model on meta. The model is unchanged.
        OSError: as Python raises it: FileNotFoundError, urllib.error.URLError.

    Source: torch.hub, whose names and folder these are; torch.load with weights_only=True, which runs no code.
    Oracle: load_state_dict of torchvision's model, from the same file.

    Example:
        >>> import tempfile, torch
        >>> from dlref.vision.transfer_learning import load_published
        >>> torch.save({"weight": torch.eye(2)}, path := tempfile.mkdtemp() + "/eye.pth")
        >>> load_published(torch.nn.Linear(2, 2, bias=False), path).weight.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    path = _local(source)
    state, own = _read(path), model.state_dict()
    if on_meta := [name for name, value in own.items() if value.is_meta]:
        raise ValueError(f"the model must have memory to load into, call to_empty first: on meta are {_some(on_meta)}")
    counters = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
    lacking = tuple(head for head in ("aux1.", "aux2.") if not any(name.startswith(head) for name in own))
    state = {name: value for name, value in state.items() if not name.startswith(lacking)}
    _compare(path, state, own, optional=counters.keys() - state.keys())
    model.load_state_dict(counters | state)  # strict
    return model


def _local(source: str | Path) -> Path:
    """Give the path of the file, downloaded if source is an address, once its hash is that of its name."""
    address = source if isinstance(source, str) and source.startswith(ADDRESS) else None
    path = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(address).path).name) if address else Path(source)
    mark = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    promised = mark[1] if mark else ""
    if address and not (mark and path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(address, str(path), promised)
        except RuntimeError as error:  # its word for a hash that differs; nothing is kept
            raise ValueError(f"{address}: the file must have the hash of its name: {error}") from error
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(promised):
        rule = f"the file must have the hash of its name: expected SHA-256 {promised}..., got {found}"
        raise ValueError(f"{path}: {rule}; it is damaged or another file, delete it and fetch it again")
    return path


def _read(path: Path) -> dict[str, Tensor]:
    """Read names and tensors, and nothing else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice about formats that the next line refuses
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # KeyError, EOFError, IndexError, UnpicklingError ...: as the bytes have it
        reason = (str(error).split("WeightsUnpickler error:")[-1].strip().splitlines() or ["it ends too early"])[0]
        got = f"got {path.stat().st_size} bytes that are not ({type(error).__name__}: {reason.split('. ')[0]})"
        raise ValueError(f"{path}: the file must hold tensors written by torch.save, and no code; {got}") from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{path}: the file must hold a dict of names and tensors, got {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            got = f"{name!r}: {type(value).__name__}"
            raise ValueError(f"{path}: the file must hold a dict of names and tensors, got the entry {got}")
    return dict(state)


def _compare(path: Path, state: dict[str, Tensor], own: dict[str, Tensor], optional: Set[str]) -> None:
    """Raise unless every name, shape, kind and number of a file fits the model."""
    missing, unexpected = sorted(own.keys() - state.keys() - optional), sorted(state.keys() - own.keys())
    if missing or unexpected:
        rule = f"the names must be the model's: expected {len(own.keys() - optional)}, got {len(state)}"
        raise ValueError(f"{path}: {rule}; missing {_some(missing)}; unexpected {_some(unexpected)}")
    faults: dict[str, list[str]] = {"shapes": [], "kinds of numbers": [], "values": []}
    for name, value in state.items():
        want = own[name]
        if value.shape != want.shape:
            faults["shapes"].append(f"{name} expected {tuple(want.shape)}, got {tuple(value.shape)}")
        elif (expected := _kind(want)) != (got := _kind(value)):
            faults["kinds of numbers"].append(f"{name} expected {expected}, got {got}")
        elif count := int((~value.to(want.dtype).isfinite()).sum()):
            faults["values"].append(f"{name} expected {want.numel()} finite numbers, got {count} that are not")
    for what, found in faults.items():
        if found:
            raise ValueError(f"{path}: the {what} must fit the model: {_some(found)}")


def _kind(x: Tensor) -> str:
    if x.is_meta or x.is_quantized or x.layout != torch.strided:
        return f"{x.dtype} as {x.layout} on {x.device}"
    kinds = {"complex": x.is_complex(), "floating": x.is_floating_point(), "bool": x.dtype == torch.bool}
    return next((kind for kind, is_it in kinds.items() if is_it), "integer")


def _some(names: list[str]) -> str:
    """Count names, and spell out the first few."""
    return f"{len(names)} ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})" if names else "0"
