"""Proofs of dlref.vision.convolution: torch, SciPy, and the tables of Dumoulin and Visin are the oracles."""

import inspect
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dlref.vision import convolution
from dlref.vision.convolution import (
    avg_pool2d,
    conv2d,
    conv2d_backward,
    conv_output_size,
    conv_transpose2d,
    global_avg_pool2d,
    max_pool2d,
    receptive_field,
)
from tests.oracle import Verify, error

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
METHODS = ("im2col", "loops", "toeplitz")
every_method = pytest.mark.parametrize("method", METHODS)
quickly = settings(max_examples=40, deadline=None)

# (input, weight, stride, padding, dilation, groups); odd shapes, a batch of one, an empty batch, pairs
CONVOLUTIONS: dict[str, tuple[Any, ...]] = {
    "plain": ((2, 3, 6, 5), (4, 3, 3, 3), 1, 0, 1, 1),
    "a batch of one, an even kernel": ((1, 2, 5, 4), (3, 2, 2, 2), 1, 1, 1, 1),
    "an empty batch": ((0, 2, 5, 4), (3, 2, 3, 3), 1, 1, 1, 1),
    "a kernel as large as the input": ((2, 2, 3, 4), (3, 2, 3, 4), 1, 0, 1, 1),
    "1 by 1": ((2, 3, 4, 3), (2, 3, 1, 1), 1, 0, 1, 1),
    "a stride that leaves something over": ((2, 2, 8, 7), (3, 2, 3, 3), 2, 0, 1, 1),
    "a stride beyond the kernel": ((1, 1, 9, 8), (2, 1, 2, 2), 4, 1, 1, 1),
    "more padding than kernel": ((1, 1, 3, 3), (1, 1, 2, 2), 3, 2, 1, 1),
    "dilation": ((2, 2, 7, 8), (3, 2, 3, 2), 1, 2, 2, 1),
    "groups": ((2, 4, 5, 5), (6, 2, 3, 3), 1, 1, 1, 2),
    "depthwise": ((2, 3, 5, 5), (6, 1, 3, 3), 1, 1, 1, 3),
    "pairs": ((1, 2, 9, 7), (2, 2, 3, 1), (2, 1), (0, 2), (3, 2), 1),
    "all at once": ((2, 4, 9, 8), (6, 2, 3, 2), (2, 3), (2, 1), (2, 3), 2),
}
every_convolution = pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# Convolution


@every_method
@every_convolution
def test_convolution_equals_torch(
    case: tuple[Any, ...], method: str, verify: Verify, generator: torch.Generator
) -> None:
    shape, weight_shape, *options = case
    input, weight, bias = (normal(generator, *s) for s in (shape, weight_shape, weight_shape[:1]))
    verify(
        lambda *tensors: conv2d(*tensors, *options, method=method),
        lambda *tensors: F.conv2d(*tensors, *options),
        [(input, weight, bias), (input, weight, None)],
        oracle="torch.nn.functional.conv2d",
        name=conv2d,
        values=1e-13,
        gradients=1e-13,
    )
