"""Neural style transfer: an image whose features equal those of one picture and correlate like those of another.

The network comes in as features, any callable from an image to a dict of activations by layer, and stays as it is.
Losses and Gram matrices of half precision are computed in float32, and stay in it: a sum of squares overflows float16.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Features = Callable[[Tensor], Mapping[str, Tensor]]


def gram_matrix(
    activations: Float[Tensor, "*batch channels height width"],
) -> Float[Tensor, "*batch channels channels"]:
    """Average the products of each two channels over all positions: G = F Fᵀ / M, F of (N channels, M positions).

    It does not centre: G = covariance + mean meanᵀ. The paper's G is the sum, M times this one; the mean lets two
    images differ in size.

    Raises:
        ValueError: there is no position.

    Source: Gatys, Ecker, Bethge 2015, arXiv:1508.06576, eq. 3, divided by M.
    Oracle: numpy.cov, with the means put back.

    Example:
        >>> import torch
        >>> from dlref.vision.style_transfer import gram_matrix
        >>> gram_matrix(torch.tensor([[[1.0, 3.0]], [[2.0, 0.0]]]))
        tensor([[5., 1.],
                [1., 2.]])
    """
    rows = _wide(activations).flatten(-2)  # (*batch, channels, positions)
    if not rows.shape[-1]:
        raise ValueError(f"activations must have a position or more, got shape {tuple(activations.shape)}")
    return rows @ rows.mT / rows.shape[-1]


def content_loss(
    activations: Float[Tensor, "*batch channels height width"],
    target: Float[Tensor, "*batch channels height width"],
) -> Float[Tensor, ""]:
    """Compare two images feature by feature and place by place: ½ Σ (F - P)².

    Raises:
        ValueError: the shapes differ.

    Source: Gatys, Ecker, Bethge 2015, arXiv:1508.06576, eq. 1. A sum: it grows with the number of activations.
    Oracle: torch.nn.functional.mse_loss, summed and halved.

    Example:
        >>> import torch
        >>> from dlref.vision.style_transfer import content_loss
        >>> content_loss(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[3.0, 1.0]]]))
        tensor(4.)
    """
    _check_same("activations and target", activations, target)
    return (_wide(activations) - _wide(target)).square().sum() / 2


def style_loss(
    activations: Float[Tensor, "*batch channels height width"],
    gram: Float[Tensor, "*batch channels channels"],
) -> Float[Tensor, ""]:
    """Compare the Gram matrix of a layer with that of the style: E = Σ (G - A)² / (4 N²), both divided by M.

    Its gradient at the layer is (G - A) F / (N² M): a mixture of what the other channels see at the same place.

    Args:
        activations: F, of the image.
        gram: A, the gram_matrix of the same layer for the style image, which may have another size.

    Raises:
        ValueError: gram does not fit the channels of the activations, or there is no position.

    Source: Gatys, Ecker, Bethge 2015, arXiv:1508.06576, eq. 4. Theirs, with 1 / (4 N² M²) and sums for G and A, is the
    same number where the two images have one size.
    Oracle: the paper's sums by torch.einsum; its gradient by the paper's eq. 6.

    Example:
        >>> import torch
        >>> from dlref.vision.style_transfer import gram_matrix, style_loss
        >>> one, other = torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[3.0, 1.0, 3.0, 1.0]]])
        >>> style_loss(one, gram_matrix(other))
        tensor(0.)
    """
    ours = gram_matrix(activations)
    _check_same("gram_matrix(activations) and gram", ours, gram)
    return (ours - _wide(gram)).div(2 * activations.shape[-3]).square().sum()


def total_variation(image: Float[Tensor, "*batch channels height width"]) -> Float[Tensor, ""]:
    """Sum how much neighbouring pixels differ: Σ |xᵢ₊₁,ⱼ - xᵢ,ⱼ| + |xᵢ,ⱼ₊₁ - xᵢ,ⱼ|, over all channels.

    Source: Rudin, Osher, Fatemi 1992, doi:10.1016/0167-2789(92)90242-F, in the anisotropic form. Not in Gatys' paper.
    Oracle: numpy.diff; the co-area formula, as the lengths of the edges at every level.

    Example:
        >>> import torch
        >>> from dlref.vision.style_transfer import total_variation
        >>> total_variation(torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]))
        tensor(2.)
    """
    wide = _wide(image)
    return wide.diff(dim=-2).abs().sum() + wide.diff(dim=-1).abs().sum()


def transfer_loss(
    activations: Mapping[str, Float[Tensor, "..."]],
    content: Mapping[str, Float[Tensor, "..."]],
    grams: Mapping[str, Float[Tensor, "..."]],
    alpha: float = 1.0,
    beta: float = 1e3,
    weights: Mapping[str, float] | None = None,
) -> Float[Tensor, ""]:
    """Weigh the two losses against each other: alpha · Σ content_loss + beta · Σ w style_loss.

    Args:
        activations: Of the image, by layer; every layer that content or grams name.
        content: What the content image gives at the content layers.
        grams: gram_matrix of the style image at the style layers.
        alpha: The weight of the content.
        beta: The weight of the style, often larger by orders of magnitude: what it multiplies is a mean.
        weights: w, for every layer of grams; None takes 1 / number of style layers for each.

    Raises:
        ValueError: content and grams name no layer, or one that activations lack; or weights and grams name others.

    Source: Gatys, Ecker, Bethge 2015, arXiv:1508.06576, eqs. 5 and 7.
    Oracle: the paper's sums by torch.einsum.

    Example:
        >>> import torch
        >>> from dlref.vision.style_transfer import transfer_loss
        >>> layers = {"relu1": torch.tensor([[[1.0, 3.0]]])}
        >>> transfer_loss(layers, {"relu1": torch.zeros(1, 1, 2)}, {"relu1": torch.zeros(1, 1)}, alpha=2.0, beta=4.0)
        tensor(35.)
    """
    missing = [name for name in [*content, *grams] if name not in activations]
    if missing or not (content or grams):
        raise ValueError(f"content and grams must name layers of {', '.join(activations)}, got {missing or 'none'}")
    shares = dict.fromkeys(grams, 1 / max(len(grams), 1)) if weights is None else weights
    if shares.keys() != grams.keys():
        raise ValueError(f"weights and grams must name the same layers, got {[*shares]} and {[*grams]}")
    losses = [alpha * content_loss(activations[name], target) for name, target in content.items()]
    losses += [beta * shares[name] * style_loss(activations[name], gram) for name, gram in grams.items()]
    return torch.stack(losses).sum()


def style_transfer(
    features: Features,
    content: Float[Tensor, "*batch channels height width"],
    style: Float[Tensor, "*style_batch channels style_height style_width"],
    content_layers: Sequence[str],
    style_layers: Sequence[str],
    *,
    alpha: float = 1.0,
    beta: float = 1e3,
    weights: Mapping[str, float] | None = None,
    tv_weight: float = 0.0,
    steps: int = 100,
    start: Float[Tensor, "*batch channels height width"] | None = None,
) -> Float[Tensor, "*batch channels height width"]:
    """Find the image that has one picture's content and another's style, by L-BFGS over its pixels.

    It minimises transfer_loss + tv_weight · total_variation, with Wolfe's line search. Pixels are the sigmoid of what
    is optimised, and so between 0 and 1: clipping afterwards would give back much of the style. Autocast is off inside.

    Args:
        features: From an image with values in [0, 1] to activations by layer. Its weights get no gradient. A network in
            bfloat16 is too coarse for the line search: its first, small step changes nothing that it can see.
        content: What is to be shown.
        style: How; of any size.
        content_layers: The layers where features are to equal those of content; one is usual.
        style_layers: The layers where Gram matrices are to equal those of style; several, from fine to coarse.
        alpha: As in transfer_loss.
        beta: As in transfer_loss.
        weights: As in transfer_loss.
        tv_weight: The weight of total_variation, which smooths.
        steps: At most so many steps of L-BFGS, and a quarter more looks at the loss.
        start: Where to begin; None begins at the content image. From noise, each start ends in a picture of its own.

    Raises:
        ValueError: steps below 0, content and style layers that features do not give, or what transfer_loss refuses.

    Source: Gatys, Ecker, Bethge 2015, arXiv:1508.06576, who start from noise and leave the pixels unbounded.
    Oracle: the paper's sums by torch.einsum under torch.optim.LBFGS.

    Example:
        >>> import torch
        >>> from dlref.vision.style_transfer import gram_matrix, style_transfer
        >>> content, style = torch.tensor([[[0.2, 0.5]]]), torch.tensor([[[0.9, 0.6]]])
        >>> result = style_transfer(lambda x: {"pixels": x}, content, style, ["pixels"], ["pixels"], alpha=0.0)
        >>> result, gram_matrix(result), gram_matrix(style)
        (tensor([[[0.4186, 0.9974]]]), tensor([[0.5850]]), tensor([[0.5850]]))
    """
    if steps < 0:
        raise ValueError(f"steps must be 0 or more, got {steps}")
    # The line search needs more digits of the loss than bfloat16 has.
    precise = torch.autocast("cpu" if content.is_meta else content.device.type, enabled=False)
    with precise, torch.no_grad():
        targets, styles = features(content), features(style)
        missing = [name for name in [*content_layers, *style_layers] if name not in targets]
        if missing:
            raise ValueError(f"content_layers and style_layers must be of {', '.join(targets)}, got {missing}")
        layers = {name: targets[name] for name in content_layers}
        grams = {name: gram_matrix(styles[name]) for name in style_layers}
    first = (content if start is None else start).detach().clone()
    logits = torch.logit(_wide(first), eps=0.01).requires_grad_()  # away from 0 and 1, where no gradient gets through
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=steps, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        image = torch.sigmoid(logits)
        loss = transfer_loss(features(image.to(content.dtype)), layers, grams, alpha, beta, weights)
        loss = loss + tv_weight * total_variation(image) if tv_weight else loss
        (logits.grad,) = torch.autograd.grad(loss, logits)
        return loss

    if not steps:
        return first
    with precise:
        optimizer.step(closure)  # with gradients, whatever stands around it
    return torch.sigmoid(logits.detach()).to(content.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _check_same(what: str, one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise ValueError(f"{what} must have one shape, got {tuple(one.shape)} and {tuple(other.shape)}")
