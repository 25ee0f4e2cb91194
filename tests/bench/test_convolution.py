"""What a convolution by one matrix product costs beside torch's own kernel: in one process, on one thread."""

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sitekit.shapes import unchecked

ROUNDS = 101
LIMIT = 2.5  # torch's kernel never writes the patches down; a column for each of them is what im2col costs


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def seconds(function: Callable[..., Tensor], *arguments: Tensor) -> float:
    start = time.thread_time()  # the processor's time: what else runs on a busy machine does not count
    function(*arguments, 1, 1)  # stride and padding
    return time.thread_time() - start


def test_one_matrix_product_keeps_up_with_torchs_kernel() -> None:
    with unchecked():  # the shape checker is no part of what a reader runs
        from dlref.vision.convolution import conv2d

    images, weight, bias = torch.randn(8, 32, 32, 32), torch.randn(64, 32, 3, 3), torch.randn(64)
    torch.testing.assert_close(
        conv2d(images, weight, bias, 1, 1), F.conv2d(images, weight, bias, 1, 1), atol=1e-3, rtol=0
    )
    pairs = [(seconds(conv2d, images, weight, bias), seconds(F.conv2d, images, weight, bias)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / its for mine, its in pairs[1:])
    print(f"8 × 32 × 32 × 32 to 64 channels, 3 × 3: {ratio:.2f} times torch's kernel (median of {ROUNDS - 1})")
    assert ratio <= LIMIT
