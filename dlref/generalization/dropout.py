"""Inverted dropout, of single entries or of whole channels, and the average over all networks that it stands for.

p is the probability to drop, as in torch and Keras; the original paper's p is the probability to keep.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def dropout(
    x: Float[Tensor, "*shape"], p: float = 0.5, training: bool = True, generator: torch.Generator | None = None
) -> Float[Tensor, "*shape"]:
    """Drop each entry with probability p, and scale up the rest: y = x · keep / (1 - p), keep ~ Bernoulli(1 - p).

    The expected value of y is x, so that evaluation, training=False, returns x as it is. A dropped infinity or NaN is 0
    (in torch it is NaN).

    Raises:
        ValueError: p outside [0, 1].

    Source: Srivastava et al. 2014, JMLR 15:1929, section 4, with the scaling of section 10 in training.
    Oracle: torch.nn.functional.dropout.

    Example:
        >>> import torch
        >>> from dlref.generalization.dropout import dropout
        >>> dropout(torch.ones(5), 0.2, generator=torch.Generator().manual_seed(9))
        tensor([1.2500, 0.0000, 1.2500, 1.2500, 1.2500])
    """
    return _drop(x, torch.empty_like(x), p, training, generator)


def feature_dropout(
    x: Float[Tensor, "batch channels *spatial"],
    p: float = 0.5,
    training: bool = True,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "batch channels *spatial"]:
    """Drop whole channels with probability p: y[n, c] = x[n, c] · keep[n, c] / (1 - p).

    Neighbouring pixels are alike, so that dropping single ones hides little.

    Raises:
        ValueError: p outside [0, 1], or no channel axis.

    Source: Tompson et al. 2015, arXiv:1411.4280 (spatial dropout).
    Oracle: torch.nn.functional.dropout1d, dropout2d and dropout3d.

    Example:
        >>> import torch
        >>> from dlref.generalization.dropout import feature_dropout
        >>> feature_dropout(torch.ones(1, 4, 3), generator=torch.Generator().manual_seed(0))[0]
        tensor([[0., 0., 0.],
                [0., 0., 0.],
                [2., 2., 2.],
                [0., 0., 0.]])
    """
    if x.ndim < 2:
        raise ValueError(f"x must be (batch, channels, *spatial), got shape {tuple(x.shape)}")
    return _drop(x, x.new_empty(*x.shape[:2], *[1] * (x.ndim - 2)), p, training, generator)


class Dropout(nn.Module):
    """Inverted dropout as a layer: active after train(), the identity after eval().

    Without a generator it draws from torch's global one.

    Raises:
        ValueError: p outside [0, 1].

    Source: Srivastava et al. 2014, JMLR 15:1929, section 4, with the scaling of section 10 in training.
    Oracle: torch.nn.Dropout.

    Example:
        >>> import torch
        >>> from dlref.generalization.dropout import Dropout
        >>> layer = Dropout(0.5, generator=torch.Generator().manual_seed(0))
        >>> layer(torch.ones(4)), layer.eval()(torch.ones(4))
        (tensor([0., 0., 2., 0.]), tensor([1., 1., 1., 1.]))
    """

    def __init__(self, p: float = 0.5, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.p, self.generator = _probability(p), generator

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Drop entries of x in training mode."""
        return dropout(x, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        """Show p in the printed network."""
        return f"p={self.p}"


def thinned_ensemble(
    x: Float[Tensor, "batch features"],
    weight: Float[Tensor, "classes features"],
    bias: Float[Tensor, " classes"],
    p: float = 0.5,
) -> Float[Tensor, "batch classes"]:
    """Average softmax(weight (x · keep) + bias) over all 2^features masks: the normalised geometric mean.

    Each mask counts by its probability. The result is exactly softmax((1 - p) weight x + bias): for this model, scaling
    the weights once replaces the whole ensemble.

    Raises:
        ValueError: p outside [0, 1], shapes that disagree, or more than 16 features.

    Source: Goodfellow et al. 2016, section 7.12.
    Oracle: torch.softmax of the scaled weights.

    Example:
        >>> import torch
        >>> from dlref.generalization.dropout import thinned_ensemble
        >>> x, weight, bias = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2)
        >>> thinned_ensemble(x, weight, bias), torch.softmax(0.5 * x @ weight.T + bias, dim=1)
        (tensor([[0.3775, 0.6225]]), tensor([[0.3775, 0.6225]]))
    """
    p, features = _probability(p), x.shape[-1]
    if x.ndim != 2 or weight.shape != (*bias.shape, features):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (x, weight, bias))
        raise ValueError(
            f"x, weight and bias must be (batch, features), (classes, features) and (classes,), got {shapes}"
        )
    if features > 16:
        raise ValueError(f"2^features masks are too many beyond 16 features, got {features}")
    bits = torch.arange(2**features, device=x.device)[:, None] >> torch.arange(features, device=x.device)
    keep = (bits % 2).to(x.dtype)  # (masks, features)
    kept = keep.sum(dim=1)
    chance = (1 - p) ** kept * p ** (features - kept)  # (masks,)
    thinned = (x[:, None, :] * keep) @ weight.mT + bias  # (batch, masks, classes)
    return torch.softmax((chance[:, None] * thinned.log_softmax(dim=2)).sum(dim=1), dim=1)


def _drop(x: Tensor, mask: Tensor, p: float, training: bool, generator: torch.Generator | None) -> Tensor:
    """Fill the mask, of the shape of x or one that broadcasts to it, and apply it."""
    p = _probability(p)
    if not training or p == 0:
        return x
    keep = mask.bernoulli_(1 - p, generator=generator) > 0
    # where, not a product: 0 · inf is NaN. And p = 1 keeps nothing, so that its scale does not matter.
    return torch.where(keep, x / (1 - p) if p < 1 else x, 0)


def _probability(p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"p, the probability to drop, must lie in [0, 1], got {p}")
    return p
