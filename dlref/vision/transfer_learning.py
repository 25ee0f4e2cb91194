"""Transfer learning: load published weights, freeze a body, give it a new head, fine-tune it gently."""

import hashlib
import re
import warnings
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def load_published(model: nn.Module, source: str | Path) -> nn.Module:
    """Fill a model with the weights of a published file and return it, or leave it as it is and say what is wrong.

    The names, shapes and values of the file are checked whole before the first one is written. A file may lack batch
    norm's num_batches_tracked, as old ones do: the model keeps its own. It may hold auxiliary heads, aux1 and
    aux2, that the model lacks, as GoogLeNet's does: they are left out. Any other difference is an error.

    Args:
        model: Changed in place, on its own device, in its own dtype; train or eval mode stays as it is.
        source: A file written by torch.save, or its address (https, http, file); a download is kept in torch's folder,
            torch.hub.get_dir()/checkpoints. A name such as vgg16-397923af.pth carries the first 8 or more digits of the
            file's SHA-256: another file is refused. A name without them is not checked, so that a changed number can
            pass, and its address is downloaded anew each time.

    Raises:
        ValueError: a damaged or foreign file, pickled code, other names, shapes or kinds of numbers, numbers that are
            not finite, or a model on meta. The model is unchanged. A missing file is Python's FileNotFoundError.

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


def freeze(module: nn.Module) -> nn.Module:
    """Keep a module, or a part such as model.features, as it is: no gradient for its parameters, and evaluation mode.

    In training mode batch norm would move its averages, gradient or none. model.train() wakes it: freeze after it.

    Source: Yosinski et al. 2014, arXiv:1411.1792, section 2: transferred layers frozen.
    Oracle: a head trained alone, by torch.optim, on features computed beforehand.

    Example:
        >>> import torch
        >>> from dlref.vision.transfer_learning import freeze
        >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 3))
        >>> freeze(model[0]).training, model.training, [value.requires_grad for value in model.parameters()]
        (False, True, [False, False, True, True])
    """
    return module.requires_grad_(False).eval()


def replace_head(
    model: nn.Module, num_classes: int, name: str | None = None, generator: torch.Generator | None = None
) -> nn.Module:
    """Put a new linear layer in the place of the old one, drawn uniformly from ±1/√in_features, and return the model.

    Args:
        model: Changed in place. The new layer has the old one's device, dtype and choice of a bias, and gets gradients.
        num_classes: How many outputs the new layer has.
        name: Which layer: "fc" in ResNet and GoogLeNet, "classifier.6" in VGG. None: the linear layer registered last.
        generator: For the draw; on the device of the model.

    Raises:
        ValueError: no linear layer of that name inside the model, or num_classes below 1.

    Source: Yosinski et al. 2014, arXiv:1411.1792. The draw is that of torch.nn.Linear.
    Oracle: torchvision's model built with num_classes, and torch.nn.Linear's own draw.

    Example:
        >>> import torch
        >>> from dlref.vision.transfer_learning import replace_head
        >>> replace_head(torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1000)), 3)[2]
        Linear(in_features=4, out_features=3, bias=True)
    """
    linear = {key: layer for key, layer in model.named_modules() if isinstance(layer, nn.Linear) and key}
    name = next(reversed(linear), "") if name is None else name
    if name not in linear:
        raise ValueError(f"the head must be a linear layer of the model: {name!r} is none of {_some(list(linear))}")
    if num_classes < 1:
        raise ValueError(f"num_classes must be 1 or more, got {num_classes}")
    old, bound = linear[name], linear[name].in_features ** -0.5
    like = {"device": old.weight.device, "dtype": old.weight.dtype}
    head = nn.utils.skip_init(nn.Linear, old.in_features, num_classes, bias=old.bias is not None, **like)
    for values in head.parameters():
        nn.init.uniform_(values, -bound, bound, generator)
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, head)
    return model


def linear_probe(
    features: Float[Tensor, "batch features"], labels: Int[Tensor, " batch"], num_classes: int, l2: float = 1.0
) -> tuple[Float[Tensor, "num_classes features"], Float[Tensor, " num_classes"]]:
    """Fit the weight and bias of a linear head to frozen features in one step, by least squares on one-hot labels.

    Minimises Σ |weight x + bias - onehot(label)|² + l2 |weight|²; the bias is free. With X and Y centred,
    weightᵀ = (XᵀX + l2 I)⁻¹ XᵀY, or Xᵀ(XXᵀ + l2 I)⁻¹ Y where there are fewer examples than features.

    Raises:
        ValueError: shapes that disagree, no example, a label outside 0..num_classes - 1, or l2 at or below 0.

    Source: Alain, Bengio 2016, arXiv:1610.01644, with ridge regression in place of logistic regression.
    Oracle: sklearn.linear_model.Ridge; gradients: torch.linalg.lstsq of the rows with √l2 I below them.

    Example:
        >>> import torch
        >>> from dlref.vision.transfer_learning import linear_probe
        >>> weight, bias = linear_probe(torch.tensor([[0.0], [2.0]]), torch.tensor([0, 1]), 2, l2=2.0)
        >>> weight.flatten(), bias
        (tensor([-0.2500,  0.2500]), tensor([0.7500, 0.2500]))
    """
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        given = f"features {tuple(features.shape)}, labels {tuple(labels.shape)}"
        raise ValueError(f"features must be (batch, features) and labels (batch,), with one example or more: {given}")
    if l2 <= 0:
        raise ValueError(f"l2 must be above 0, got {l2}")
    if not labels.is_meta and (wrong := labels[(labels < 0) | (labels >= num_classes)].tolist()):
        raise ValueError(f"a label must lie in 0..{num_classes - 1}, got {wrong[0]}")
    wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
    onehot = (labels[:, None] == torch.arange(num_classes, device=labels.device)).to(wide)
    x, y = wide - wide.mean(0), onehot - onehot.mean(0)
    dual = len(x) < x.shape[1]
    gram = (x @ x.mT if dual else x.mT @ x) + l2 * torch.eye(min(x.shape), dtype=x.dtype, device=x.device)
    weight = (x.mT @ torch.linalg.solve(gram, y) if dual else torch.linalg.solve(gram, x.mT @ y)).mT
    return weight.to(features.dtype), (onehot.mean(0) - weight @ wide.mean(0)).to(features.dtype)


def parameter_groups(layers: Iterable[nn.Module], lr: float, factor: float = 2.6) -> list[dict[str, Any]]:
    """Give torch.optim a group for each layer, slower towards the input: lr / factor**i, i layers below the last.

    Args:
        layers: Modules from the input to the output. Frozen parameters are left out, but their layer counts.
        lr: Of the last layer, the new head.
        factor: From one layer to the next; 1 gives all the same.

    Raises:
        ValueError: lr or factor not above 0, a parameter in two layers, or none that gets a gradient.

    Source: Howard, Ruder 2018, ULMFiT, arXiv:1801.06146, section 3.2: discriminative fine-tuning, with 2.6.
    Oracle: steps of torch.optim.SGD, one optimiser a layer.

    Example:
        >>> import torch
        >>> from dlref.vision.transfer_learning import parameter_groups
        >>> groups = parameter_groups([torch.nn.Linear(2, 2) for _ in range(3)], lr=0.1)
        >>> [round(group["lr"], 4) for group in groups]
        [0.0148, 0.0385, 0.1]
    """
    if not (lr > 0 and factor > 0):
        raise ValueError(f"lr and factor must be above 0, got lr {lr}, factor {factor}")
    trained = [[value for value in layer.parameters() if value.requires_grad] for layer in layers]
    rates = [lr / factor**i for i in reversed(range(len(trained)))]
    groups = [{"params": values, "lr": rate} for values, rate in zip(trained, rates, strict=True)]
    parameters = [id(value) for group in groups for value in group["params"]]
    if not parameters or len(set(parameters)) < len(parameters):
        got = f"got {len(parameters)}, {len(set(parameters))} different"
        raise ValueError(f"the layers must hold trainable parameters, each once: {got}")
    return [group for group in groups if group["params"]]


def _local(source: str | Path) -> Path:
    """Give the path of the file, downloaded if source is an address, once its hash is that of its name."""
    address = source if isinstance(source, str) and source.startswith(("https://", "http://", "file://")) else None
    path = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(address).path).name) if address else Path(source)
    promised = "".join(re.findall(r"-([0-9a-f]{8,64})\.", path.name)[:1])
    if address and not (promised and path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(address, str(path), promised)
        except RuntimeError as error:  # its word for a hash that differs; nothing is kept
            raise ValueError(f"{address}: the file must have the hash of its name: {error}") from error
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(promised):
        rule = f"the file must have the hash of its name: expected SHA-256 {promised}, got {found[: len(promised)]}"
        raise ValueError(f"{path}: {rule}; delete the file and fetch it again")
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
        raise ValueError(f"{path}: the file must map names to tensors, got {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(f"{path}: the file must map names to tensors, got {name!r}: {type(value).__name__}")
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
    return f"{len(names)} ({', '.join(names[:3] + ['...'] * (len(names) > 3))})" if names else "0"
