"""DeepDream: gradient ascent on the image, with the network's weights fixed, at several scales.

The network comes in as features, any callable from an image with values in [0, 1] to activations: a layer of VGG, one
class of a classifier, its pre-processing included.
"""

from collections.abc import Callable, Collection

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def layer_outputs(
    network: nn.Sequential, x: Float[Tensor, "*shape"], names: Collection[str]
) -> dict[str, Float[Tensor, "..."]]:
    """Run x through a Sequential up to the last of the named layers: {name: what that layer puts out}.

    An in-place layer that follows, such as ReLU(inplace=True), works on a copy: with a forward hook it would overwrite
    what has been picked.

    Raises:
        ValueError: no names, or one that is no layer of network.

    Source: Mordvintsev, Olah, Tyka 2015, Inceptionism: which layer is picked decides what the dream is made of.
    Oracle: torchvision.models.feature_extraction.create_feature_extractor.

    Example:
        >>> import torch
        >>> from dlref.vision.deepdream import layer_outputs
        >>> network = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten(0), torch.nn.Softmax(0))
        >>> layer_outputs(network, torch.tensor([[-1.0, 2.0]]), ["0", "1"])
        {'0': tensor([[0., 2.]]), '1': tensor([0., 2.])}
    """
    layers = dict(network.named_children())
    unknown = [name for name in names if name not in layers]
    if unknown or not names:
        raise ValueError(f"names must be layers of the network, {', '.join(layers)}, got {unknown or 'none'}")
    outputs: dict[str, Tensor] = {}
    for name, layer in layers.items():
        x = layer(x)
        if name in names:
            outputs[name] = x
            if len(outputs) == len(set(names)):
                break
            x = x.clone()
    return outputs


def mean_square(activations: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Measure how strongly a layer answers: ‖a‖² / n, over all of its n activations.

    Its gradient at the layer is 2a / n: each unit asks for more of what it sees, in proportion to how much it sees.
    Half precision is computed in float32, and stays in it.

    Raises:
        ValueError: there are no activations.

    Source: Google's notebook of 2015, https://github.com/google/deepdream, objective_L2, there ‖a‖² / 2.
    Oracle: torch.nn.functional.mse_loss from zero.

    Example:
        >>> import torch
        >>> from dlref.vision.deepdream import mean_square
        >>> mean_square(torch.tensor([[3.0, 4.0]]))
        tensor(12.5000)
    """
    if not activations.numel():
        raise ValueError(f"an objective needs an activation or more, got shape {tuple(activations.shape)}")
    return _wide(activations).square().mean()


def ascent_step(
    features: Callable[[Tensor], Tensor],
    image: Float[Tensor, "*batch channels height width"],
    step_size: float = 1.5 / 255,
    shift: tuple[int, int] = (0, 0),
) -> Float[Tensor, "*batch channels height width"]:
    """Move an image one step towards stronger activations: clip(x + step_size · g / mean|g|), to [0, 1].

    g is the gradient of ‖features(x)‖² / 2, with the direction of that of mean_square, and mean|g| each image's own.
    Where nothing answers, g is zero, and the image stays.

    Args:
        features: From an image with values in [0, 1] to activations. Its weights get no gradient.
        image: With values in [0, 1]. It is not changed.
        step_size: How far the values of the image move, on average.
        shift: Jitter: roll the image down and right by so many pixels, step, and roll it back.

    Raises:
        ValueError: step_size is not above 0, or the activations do not depend on the image.

    Source: Google's notebook of 2015, https://github.com/google/deepdream, make_step: 1.5 of 255 grey levels.
    Oracle: that step in NumPy.

    Example:
        >>> import torch
        >>> from dlref.vision.deepdream import ascent_step
        >>> ascent_step(lambda x: x, torch.tensor([[[0.25, 0.75]]]), step_size=0.2)
        tensor([[[0.3500, 1.0000]]])
    """
    if not step_size > 0:
        raise ValueError(f"step_size must be above 0, got {step_size}")
    x = image.detach().roll(shift, (-2, -1)).requires_grad_()
    with torch.enable_grad():
        activations = features(x)
        if not activations.requires_grad:
            raise ValueError("features must be a differentiable function of the image: its result has no gradient")
        # The gradient of ‖a‖² / 2 at the layer is a itself, which neither overflows nor vanishes.
        gradient = _wide(torch.autograd.grad(activations, x, activations.detach())[0])
    scale = gradient.abs().mean((-3, -2, -1), keepdim=True).clamp(min=torch.finfo(gradient.dtype).tiny)
    raised = x.detach() + step_size * (gradient / scale)
    return raised.roll((-shift[0], -shift[1]), (-2, -1)).clamp(0, 1).to(image.dtype)


def octave_sizes(height: int, width: int, octaves: int = 4, octave_scale: float = 1.4) -> list[tuple[int, int]]:
    """List the sizes at which the image is worked on, smallest first: each is the next, divided by octave_scale.

    Raises:
        ValueError: octaves below 1, octave_scale at or below 1, or a smallest size without a pixel.

    Source: Google's notebook of 2015, https://github.com/google/deepdream: 4 octaves, a factor of 1.4.
    Oracle: the shapes that scipy.ndimage.zoom gives.

    Example:
        >>> from dlref.vision.deepdream import octave_sizes
        >>> octave_sizes(224, 320)
        [(81, 117), (114, 164), (160, 229), (224, 320)]
    """
    if octaves < 1:
        raise ValueError(f"octaves must be 1 or more, got {octaves}")
    if not octave_scale > 1:
        raise ValueError(f"octave_scale must be above 1, got {octave_scale}")
    sizes = [(height, width)]
    for _ in range(octaves - 1):
        sizes.insert(0, (round(sizes[0][0] / octave_scale), round(sizes[0][1] / octave_scale)))
    if min(sizes[0]) < 1:
        raise ValueError(f"the smallest octave must have a pixel, got {sizes[0]} from an image of {height} × {width}")
    return sizes


def resize(
    image: Float[Tensor, "*batch channels height width"], size: tuple[int, int]
) -> Float[Tensor, "*batch channels new_height new_width"]:
    """Scale an image to (height, width), linearly, and smooth it first where it shrinks, so that nothing aliases.

    Source: torch's antialias=True, which is Pillow's BILINEAR. Google's notebook does not smooth.
    Oracle: Pillow's Image.resize.

    Example:
        >>> import torch
        >>> from dlref.vision.deepdream import resize
        >>> resize(torch.tensor([[[0.0, 1.0, 0.0, 1.0]]]), (1, 2))
        tensor([[[0.4286, 0.5714]]])
    """
    four = image.reshape(-1, *image.shape[-3:])
    scaled = F.interpolate(_wide(four), size=size, mode="bilinear", antialias=True)
    return scaled.to(image.dtype).reshape(*image.shape[:-2], *size)


def deepdream(
    features: Callable[[Tensor], Tensor],
    image: Float[Tensor, "*batch channels height width"],
    *,
    octaves: int = 4,
    octave_scale: float = 1.4,
    steps: int = 10,
    step_size: float = 1.5 / 255,
    jitter: int = 32,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "*batch channels height width"]:
    """Show an image with what a network sees in it drawn more clearly, from coarse to fine.

    For each octave, smallest first: x = resize(image) + resize(detail); steps times x = ascent_step(x); and
    detail = x - resize(image). What the coarse octaves drew is carried on, and the image comes back sharp at each size.

    Args:
        features: From an image with values in [0, 1] to the activations that are to grow.
        image: With values in [0, 1]. It is not changed.
        octaves: How many sizes, the image's own being the last.
        octave_scale: From one size to the next.
        steps: How many steps at each size.
        step_size: How far the values of the image move in a step, on average.
        jitter: The image is rolled by up to so many pixels each way before a step, and back after it.
        generator: On the CPU; decides the jitter.

    Raises:
        ValueError: image leaves [0, 1], steps or jitter below 0, or what ascent_step and octave_sizes refuse.

    Source: Mordvintsev, Olah, Tyka 2015, Inceptionism, Google Research Blog, and the notebook that followed it,
    https://github.com/google/deepdream. Resizing smooths here; the rest is the notebook's.
    Oracle: that notebook's loop in NumPy.

    Example:
        >>> import torch
        >>> from dlref.vision.deepdream import deepdream
        >>> image = torch.full((1, 8, 8), 0.5)
        >>> dream = deepdream(lambda x: x, image, octaves=2, steps=5, step_size=0.01, jitter=0)
        >>> dream.mean(), image.mean()  # ten steps up, a hundredth each
        (tensor(0.6000), tensor(0.5000))
    """
    if steps < 0 or jitter < 0:
        raise ValueError(f"steps and jitter must be 0 or more, got steps {steps}, jitter {jitter}")
    if not image.is_meta and not bool(((image >= 0) & (image <= 1)).all()):
        raise ValueError(f"image must have values in [0, 1], got {image.min():.3g} to {image.max():.3g}")
    original = _wide(image)  # a step is smaller than what bfloat16 can tell from 0
    dream = detail = torch.zeros_like(original)
    for size in octave_sizes(image.shape[-2], image.shape[-1], octaves, octave_scale):
        base = resize(original, size)
        dream = base + resize(detail, size)
        for _ in range(steps):
            down, right = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist()
            dream = ascent_step(lambda x: features(x.to(image.dtype)), dream, step_size, (down, right))
        detail = dream - base
    return dream.to(image.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
