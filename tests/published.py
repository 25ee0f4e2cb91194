"""torchvision as an oracle: its models, its recipes of pre-processing, and the addresses of its weights.

``from tests.published import torchvision`` works with every build of PyTorch. PyPI's torchvision is compiled against
the CUDA build; beside another one its compiled operators do not load, and its import then stops at two of them that it
wants to describe. Declared first, without an implementation, they are never called: the models and transforms are
plain PyTorch.
"""

import importlib

import torch

_DECLARED = torch.library.Library("torchvision", "FRAGMENT")  # kept: the operators vanish with it


def _load():  # type: ignore[no-untyped-def]
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        for operator in ("nms", "qnms"):
            _DECLARED.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return importlib.import_module("torchvision")


torchvision = _load()
