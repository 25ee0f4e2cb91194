"""Every snippet, docstring example and lab is a test; dlref's shapes are checked in all of them."""

from pathlib import Path

import torch

from sitekit.collect import sybils
from sitekit.shapes import check_shapes

torch.set_num_threads(1)
check_shapes()

pytest_plugins = ["pytester"]
pytest_collect_file = sybils(Path(__file__).parent).pytest()
