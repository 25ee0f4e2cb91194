# ---
# title: What a network dreams of
# description: Train a small CNN to read handwritten digits on photographs, then run it backwards as DeepDream does, and
#   watch it write digits into a pagoda.
# ---

# %% [markdown]
# # What a network dreams of
#
# DeepDream asks a network to make more of whatever it sees in a picture. The pictures that made it famous are full of
# dogs, because [the network had been trained on a great many dogs](https://doi.org/10.1007/s11263-015-0816-y). Here you
# train the network yourself, in seconds, on handwritten digits. So you know what it can dream of before it does.
#
# How it works stands on the page on [DeepDream](../vision/deepdream.md#deepdream). This lab is the experiment.

# %%
import base64
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import HTML
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import trange

from dlref.vision.deepdream import (
    ascent_step,
    deepdream,
    layer_outputs,
    mean_square,
    resize,
)

device = "cuda" if torch.cuda.is_available() else "cpu"
seed = 0

# %% [markdown]
# ## The pictures
#
# scikit-learn ships two photographs, a pagoda above a lake and a dahlia, and
# [1797 handwritten digits](https://doi.org/10.24432/C50P49). A fifth of the digits is kept for a test.


# %%
def photograph(name: str) -> Tensor:
    pixels = torch.tensor(np.asarray(load_sample_image(name)), device=device)
    return pixels.permute(2, 0, 1) / 255  # (3, 427, 640), values in [0, 1]


photos = [photograph("china.jpg"), photograph("flower.jpg")]
pagoda, dahlia = (resize(photo, (213, 320)) for photo in photos)

images, labels = load_digits(return_X_y=True)
ink = torch.tensor(images, dtype=torch.float32, device=device) / 16
ink = F.interpolate(ink.reshape(-1, 1, 8, 8), (24, 24), mode="bicubic").clamp(0, 1)
labels = torch.tensor(labels, device=device)
train, test = (
    torch.tensor(rows)
    for rows in train_test_split(
        np.arange(len(labels)),
        test_size=360,
        stratify=labels.cpu(),
        random_state=seed,
    )
)
print(f"photographs {tuple(photos[0].shape)}, digits {len(train)} + {len(test)}")

# %% [markdown]
# ## A network that reads digits anywhere
#
# A digit is written with a dark pen on a patch of one of the photographs: shifted, turned, larger or smaller, in ink of
# any dark colour, on paper that lets more or less of the photograph through. One patch in ten has no digit. So the
# network cannot go by brightness or colour; it has to know the strokes.


# %%
def crops(count: int, size: int = 24) -> Tensor:
    """Cut square patches of any scale out of the photographs."""
    patches = []
    for photo, scale, down, right in zip(
        torch.randint(2, (count,)),
        torch.randint(size, 200, (count,)),
        torch.rand(count),
        torch.rand(count),
        strict=True,
    ):
        top, left = int(down * (427 - scale)), int(right * (640 - scale))
        patch = photos[photo][:, top : top + scale, left : left + scale]
        patches.append(resize(patch, (size, size)))
    return torch.stack(patches)


def written(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Write digits on patches; class 10 is a patch without one."""
    count = len(rows)
    angle, scale = 0.2 * torch.randn(count), 1.05 + 0.35 * torch.rand(count)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    right, down = 0.2 * torch.randn(count), 0.15 * torch.randn(count)
    moves = torch.stack([cos, -sin, right, sin, cos, down], 1).reshape(-1, 2, 3)
    grid = F.affine_grid(moves, [count, 1, 24, 24], align_corners=False)
    strokes = F.grid_sample(ink[rows], grid.to(device), align_corners=False)
    empty = (torch.rand(count) < 0.1).to(device)
    strokes = (1.3 * strokes).clamp(0, 1) * ~empty[:, None, None, None]
    paper = 0.8 * torch.rand(count, 1, 1, 1, device=device)
    patches = backgrounds[torch.randint(len(backgrounds), (count,))]
    patches = paper + (1 - paper) * patches
    pen = 0.3 * torch.rand(count, 3, 1, 1, device=device)
    x = patches * (1 - strokes) + pen * strokes
    return x, labels[rows].masked_fill(empty, 10)


torch.manual_seed(seed)
backgrounds = crops(2000)
samples, _ = written(train[:40])

# %%
#| code-fold: true


def gallery(pictures: dict[str, Tensor], columns: int = 2) -> HTML:
    """Show pictures as JPEG, which keeps the page light, each with its name."""
    figures = []
    for name, picture in pictures.items():
        array = (255 * picture.clamp(0, 1)).byte().permute(1, 2, 0).cpu().numpy()
        Image.fromarray(array).save(file := io.BytesIO(), "JPEG", quality=82)
        source = base64.b64encode(file.getvalue()).decode()
        height, width = array.shape[:2]
        figures.append(
            f'<figure style="margin:0"><img alt="{name}" width="{width}" '
            f'height="{height}" style="width:100%;height:auto;display:block" '
            f'src="data:image/jpeg;base64,{source}"><figcaption '
            f'style="margin:.2em 0 0">{name}</figcaption></figure>'
        )
    grid = f"display:grid;gap:.8em;grid-template-columns:repeat({columns},1fr)"
    return HTML(f'<div style="{grid}">{"".join(figures)}</div>')


def sheet(tiles: Tensor, columns: int) -> Tensor:
    """Set small pictures side by side."""
    rows = tiles.reshape(-1, columns, *tiles.shape[1:])  # (rows, columns, 3, h, w)
    return rows.permute(2, 0, 3, 1, 4).flatten(1, 2).flatten(2, 3)


enlarged = F.interpolate(sheet(samples, 10)[None], scale_factor=2, mode="bicubic")
gallery({"Forty patches that the network learns from": enlarged[0]}, columns=1)

# %% [markdown]
# Four convolutions, each with a ReLU, and an average pooling after the first three; then a 1×1 convolution with eleven
# outputs. On a patch of 24×24 pixels it gives one answer. It has no fully connected layer, so on a larger picture it
# gives a map of answers, one every eight pixels.


# %%
def build() -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels, width in [(3, 16), (16, 32), (32, 64)]:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        layers += [nn.AvgPool2d(2)]
    layers += [nn.Conv2d(64, 128, 3), nn.ReLU(), nn.Conv2d(128, 11, 1)]
    return nn.Sequential(*layers).to(device)


def centred(image: Tensor) -> Tensor:
    return 4 * (image - 0.5)


def fit(steps: int = 800, batch: int = 64) -> nn.Sequential:
    model = build()
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)
    for _ in trange(steps, desc="training"):
        x, y = written(train[torch.randint(len(train), (batch,))])
        x = x + 0.1 * torch.randn_like(x)
        loss = F.cross_entropy(model(centred(x)).flatten(1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model


torch.manual_seed(seed)
untrained = build()
model = fit()
with torch.no_grad():
    x, y = written(test.repeat(3))
    accuracy = (model(centred(x)).flatten(1).argmax(1) == y).float().mean().item()
weights = {name: value.clone() for name, value in model.state_dict().items()}
print(f"digits of the test set, on patches: {accuracy:.1%} are read")

# %% [markdown]
# The noise that is added to each patch has a purpose. A network that has seen only clean pictures
# [can be moved by changes that nobody sees](https://arxiv.org/abs/1312.6199), and its dreams would be made of them.
# With noise around, fine detail says little, and strokes as thick as a pen's say most.
#
# ## The first dream: eights
#
# From here on the weights stay as they are, and the picture changes. The features that shall grow are the map of one
# class, the positive part of its score. Twenty steps at each of three sizes, with jitter.


# %%
def of_class(digit: int, network: nn.Sequential = model):
    return lambda image: network(centred(image))[digit : digit + 1].relu()


def dream(features, image: Tensor = pagoda, **options) -> Tensor:
    settings = {"octaves": 3, "steps": 20, "step_size": 2 / 255, "jitter": 8}
    generator = torch.Generator().manual_seed(seed)
    return deepdream(features, image, **settings | options, generator=generator)


eights = dream(of_class(8))
gallery({"The photograph": pagoda, "The same, asked for eights": eights})

# %% [markdown]
# Nobody drew these. The network found places that looked a little like an eight, and every step made them look a little
# more like one. The sky stays empty: where the score of the eight is below zero, the gradient is zero. It takes
# something to start from, as a face in a cloud takes a cloud.
#
# The picture is made by the network trained above, and it alone. Did the network change? And does it now read what we
# see? Count the positions at which each class wins.


# %%
@torch.no_grad()
def share_read_as(digit: int, image: Tensor) -> float:
    return (model(centred(image)).argmax(0) == digit).float().mean().item()


unchanged = all(torch.equal(weights[n], v) for n, v in model.state_dict().items())
read_before, read_after = share_read_as(8, pagoda), share_read_as(8, eights)
print("weights unchanged, bit by bit:", unchanged)
print(f"read as an eight: {read_before:.1%} before, {read_after:.1%} after")

# %% [markdown]
# ## Ask for another digit
#
# The same photograph, the same network, the same settings. Only the class is another one.

# %%
digits = {digit: dream(of_class(digit)) for digit in (0, 2, 3, 5)}
names = {0: "zeros", 2: "twos", 3: "threes", 5: "fives"}
gallery({f"Asked for {names[digit]}": picture for digit, picture in digits.items()})

# %%
asked = {digit: share_read_as(digit, picture) for digit, picture in digits.items()}
asked[8] = read_after
for digit, share in sorted(asked.items()):
    before = share_read_as(digit, pagoda)
    print(f"asked for {digit}: from {before:5.1%} of the positions to {share:5.1%}")

# %% [markdown]
# ## Ask for a layer
#
# DeepDream as it was published asks for no class. It takes a layer and makes all of it stronger. Early layers know
# edges and colours, later ones whole strokes, and that is what they draw.

# %%
layers = {"1": "first", "4": "second", "7": "third", "10": "fourth"}


def of_layer(name: str, network: nn.Sequential = model):
    return lambda image: layer_outputs(network, centred(image), [name])[name]


pictures = {name: dream(of_layer(name)) for name in layers}
gallery({f"The {layers[name]} ReLU": picture for name, picture in pictures.items()})

# %% [markdown]
# ## Is it the training?
#
# The same network before its first training step has the same layers and the same ReLUs. If the strokes came from the
# method, it would draw them, too.

# %%
control = dream(of_layer("7", untrained))
gallery({"Third ReLU, untrained": control, "Third ReLU, trained": pictures["7"]})

# %% [markdown]
# The untrained network raises contrast and colour, and draws no stroke. What one sees in a dream is what the weights
# have learned.
#
# ## What jitter and octaves are for
#
# Sixty steps each time, so that the comparison is fair. Without octaves, every pattern has the size that the network
# was trained on. Without jitter, the pattern snaps to the network's own grid of eight pixels, and each pixel is pushed
# by the same few positions in every step.

# %%
plain = dream(of_class(8), octaves=1, steps=60, jitter=0)
jittered = dream(of_class(8), octaves=1, steps=60)
coarse_to_fine = eights
gallery(
    {
        "One size, no jitter": plain,
        "One size, jitter": jittered,
        "Three sizes, no jitter": dream(of_class(8), jitter=0),
        "Three sizes, jitter": coarse_to_fine,
    }
)


# %%
def survives(picture: Tensor, shift: int = 3) -> float:
    """Tell what share of the objective is left when the picture moves a little."""
    with torch.no_grad():
        moved = picture.roll((shift, shift), (-2, -1))
        before, after = (mean_square(of_class(8)(p)) for p in (picture, moved))
    return (after / before).item()


survives_plain, survives_jittered = survives(plain), survives(jittered)
print("left after a move of 3 pixels:")
print(f"{survives_plain:.0%} without jitter, {survives_jittered:.0%} with it")

# %% [markdown]
# By eye the difference is small, measured it is large. A dream without jitter is made for one position of the grid:
# move it by three pixels, and most of what the network saw in it is gone. Jitter asks for patterns that count wherever
# they stand.
#
# ## The objective, step by step
#
# Gradient ascent is training turned round: the loss is the activation, the parameters are the pixels, and it goes up.
# Dividing the gradient by its mean absolute value fixes the pace. Without that, each layer would need a step size of
# its own.

# %%
heights, picture = {}, pagoda
for name in layers:
    leaf = pagoda.clone().requires_grad_()
    objective = mean_square(of_layer(name)(leaf))
    (gradient,) = torch.autograd.grad(objective, leaf)
    size = gradient.abs().mean()
    print(f"mean |gradient| of the {layers[name]:6} ReLU: {size:.1e}")
    picture, heights[name] = pagoda, [objective.item()]
    for _ in range(20):
        picture = ascent_step(of_layer(name), picture, 2 / 255)
        with torch.no_grad():
            heights[name].append(mean_square(of_layer(name)(picture)).item())
rises = {name: bool(np.all(np.diff(path) > 0)) for name, path in heights.items()}
print("up at each of 20 steps:", rises)

# %%
#| fig-alt: The objective of four layers over twenty steps, relative to its start, on a logarithmic axis. All rise at
#|   every step; the later the layer, the further.
#| code-fold: true
for color, (name, place) in enumerate(layers.items()):
    path = np.array(heights[name]) / heights[name][0]
    plt.plot(path, f"C{color}", label=f"{place} ReLU")
plt.yscale("log")
plt.xlabel("step")
plt.title("Objective, relative to its start")
plt.legend()

# %% [markdown]
# ## Another picture
#
# The network finds its strokes in whatever you show it. In the dahlia it needs the dark leaves: its pens were dark.

# %%
gallery(
    {
        "The photograph": dahlia,
        "Asked for fives": dream(of_class(5), dahlia),
        "Asked for zeros": dream(of_class(0), dahlia),
        "Asked for the third ReLU": dream(of_layer("7"), dahlia),
    }
)

# %% [markdown]
# ## With a network that has seen the world
#
# If VGG-16 with its published weights lies where torch keeps downloads, the cell below dreams with it, too. This lab
# downloads nothing. To fetch the file (half a gigabyte), run
# [`load_published`][dlref.vision.transfer_learning.load_published] once with the address from
# [`dlref.vision.vgg.WEIGHTS`][dlref.vision.vgg.WEIGHTS], and run the lab again.

# %%
file = Path(torch.hub.get_dir(), "checkpoints", "vgg16-397923af.pth")
with_vgg = file.exists()
pictures = {}
if with_vgg:
    from dlref.vision.imagenet import normalize
    from dlref.vision.transfer_learning import load_published
    from dlref.vision.vgg import VGG

    published = VGG("D")
    load_published(published, file)
    vgg = published.features.to(device)
    for name, layer in {"17": "conv4_1", "24": "conv5_1"}.items():

        def of_vgg(image: Tensor, name: str = name) -> Tensor:
            return layer_outputs(vgg, normalize(image), [name])[name]

        pictures[f"VGG-16, {layer}"] = dream(of_vgg, steps=10, jitter=16)
print("VGG-16 is", "here" if with_vgg else "not here: no picture is its work")
gallery(pictures)

# %% [markdown]
# ## What to say in an interview
#
# - **“What is DeepDream?”** Gradient ascent on the picture with fixed weights: take a layer, and change the pixels so
#   that it answers more strongly.
# - **“Why do dogs come out of it?”** Because ImageNet has so many of them. Train on digits, and digits come out.
# - **“What is it good for?”** It shows what a layer has learned to look for; and that a network can be sure of seeing
#   what nobody else would.
# - **“What makes the pictures good?”** A gradient of fixed length, jitter, several sizes from coarse to fine, and
#   pixels that stay valid. None of these is in the objective.
#
# ## Results

# %%
{
    "network": "a CNN trained here" + (" and VGG-16" if with_vgg else ""),
    "accuracy": round(accuracy, 4),
    "weights_unchanged": unchanged,
    "eights_before": round(read_before, 4),
    "eights_after": round(read_after, 4),
    "asked": {digit: round(share, 4) for digit, share in sorted(asked.items())},
    "rises_at_each_step": all(rises.values()),
    "survives_without_jitter": round(survives_plain, 4),
    "survives_with_jitter": round(survives_jittered, 4),
}
