"""Every snippet, docstring example and lab is a test; dlref's shapes are checked in all of them."""

import torch

from sitekit.shapes import check_shapes

torch.set_num_threads(1)
check_shapes()
