# ---
# title: One scene, another hand
# description: Neural style transfer on real photographs with two small networks, one trained here and one that never
#   learned anything, and a page of handwriting as a style.
# ---

# %% [markdown]
# # One scene, another hand
#
# Style transfer looks for a picture that shows what one picture shows, in the manner of another. The networks that made
# it famous are large and trained on ImageNet. This lab does without: one network is trained here on two photographs,
# the other one [is not trained at all](https://arxiv.org/abs/1606.00021). Both have the same layers and fifty thousand
# weights.
#
# The formulas stand on the page on [style transfer](../vision/style-transfer.md#neural-style-transfer). This lab is the
# experiment.

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
from torch import Tensor, nn
from tqdm import tqdm, trange

from dlref.vision.deepdream import layer_outputs, resize
from dlref.vision.style_transfer import (
    content_loss,
    gram_matrix,
    style_loss,
    style_transfer,
    total_variation,
)

device = "cuda" if torch.cuda.is_available() else "cpu"
seed = 0

# %% [markdown]
# ## The pictures
#
# scikit-learn ships two photographs, a pagoda above a lake and a dahlia. The third picture is made of its
# [handwritten digits](https://doi.org/10.24432/C50P49): seventy of them in blue ink on white paper. As a style it is as
# far from a photograph as one can get.


# %%
def photograph(name: str) -> Tensor:
    pixels = torch.tensor(np.asarray(load_sample_image(name)), device=device)
    return pixels.permute(2, 0, 1) / 255  # (3, 427, 640), values in [0, 1]


photos = [photograph("china.jpg"), photograph("flower.jpg")]
pagoda, dahlia = (resize(photo, (160, 240)) for photo in photos)

images, _ = load_digits(return_X_y=True)
digits = torch.tensor(images[:70], dtype=torch.float32) / 16
rows = digits.reshape(7, 10, 8, 8).swapaxes(1, 2).reshape(1, 1, 56, 80)
strokes = F.interpolate(rows, scale_factor=2.5, mode="bicubic")[0].clamp(0, 1)
blue = torch.tensor([0.10, 0.15, 0.45])[:, None, None]
white = torch.tensor([0.98, 0.96, 0.90])[:, None, None]
handwriting = (white * (1 - strokes) + blue * strokes).to(device)  # (3, 140, 200)

# %%
#| code-fold: true


def gallery(pictures: dict[str, Tensor], columns: int = 2) -> HTML:
    """Show pictures as JPEG, which keeps the page light, each with its name."""
    figures = []
    for name, picture in pictures.items():
        array = (255 * picture.clamp(0, 1)).byte().permute(1, 2, 0).cpu().numpy()
        Image.fromarray(array).save(file := io.BytesIO(), "JPEG", quality=85)
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


gallery({"Pagoda": pagoda, "Dahlia": dahlia, "Handwriting": handwriting})

# %% [markdown]
# ## Two networks
#
# Four convolutions with a ReLU each, with average pooling between them, as Gatys and his co-authors advise: it lets the
# gradient through more evenly than max pooling. The borders are mirrored, not filled with zeros, or each picture would
# get a frame.
#
# One network stays as it was born. The other one learns a task that needs no labels: which of the two photographs is
# this patch from, and [which way up is it](https://arxiv.org/abs/1803.07728)? Eight classes, so guessing gets 12.5 %.


# %%
def build() -> nn.Sequential:
    layers: list[nn.Module] = []
    sizes = [(3, 24, 5), (24, 32, 3), (32, 48, 3), (48, 64, 3)]
    for channels, width, size in sizes:
        same = {"padding": size // 2, "padding_mode": "reflect"}
        convolution = nn.Conv2d(channels, width, size, **same)
        nn.init.kaiming_normal_(convolution.weight)
        layers += [convolution, nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*layers[:-1]).to(device)


def centred(image: Tensor) -> Tensor:
    return 4 * (image - 0.45)


def crops(count: int, size: int = 32) -> tuple[Tensor, Tensor]:
    """Cut square patches of any scale; tell which photograph each is from."""
    which = torch.randint(2, (count,))
    patches = []
    for photo in which.tolist():
        scale = int(torch.randint(24, 200, ()))
        top = int(torch.randint(427 - scale, ()))
        left = int(torch.randint(640 - scale, ()))
        patch = photos[photo][:, top : top + scale, left : left + scale]
        patches.append(resize(patch, (size, size)))
    return torch.stack(patches), which.to(device)


def turned(patches: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Turn a quarter of the patches by each angle; the class is photo and angle."""
    x = torch.cat([patches[turn::4].rot90(turn, (2, 3)) for turn in range(4)])
    y = torch.cat([4 * which[turn::4] + turn for turn in range(4)])
    return x, y


torch.manual_seed(seed)
untrained, trained = build(), build()
head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 8))
whole = nn.Sequential(trained, head.to(device))
patches, which = crops(3000)
optimizer = torch.optim.AdamW(whole.parameters(), lr=2e-3)
for _ in trange(250, desc="training"):
    some = torch.randint(len(patches), (64,))
    x, y = turned(patches[some], which[some])
    x = x + 0.05 * torch.randn_like(x)
    loss = F.cross_entropy(whole(centred(x)), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    x, y = turned(*crops(1000))
    accuracy = (whole(centred(x)).argmax(1) == y).float().mean().item()
parameters = sum(p.numel() for p in trained.parameters())
print(f"{parameters} weights; {accuracy:.0%} of fresh patches are told right")

# %% [markdown]
# ## What the Gram matrix forgets
#
# The style of a layer is its Gram matrix: how strongly each two channels answer together, averaged over all positions.
# Shuffle the positions of a feature map, and nothing is where it was. The content loss notices. The Gram matrix does
# not.

# %%
LAYERS = ["1", "4", "7", "10"]  # the four ReLUs
CONTENT = ["7"]


def look(network: nn.Sequential, image: Tensor) -> dict[str, Tensor]:
    return layer_outputs(network, centred(image), LAYERS)


with torch.no_grad():
    answers = look(untrained, pagoda)["7"]  # (48, 40, 60)
    order = torch.randperm(answers[0].numel())
    shuffled = answers.flatten(1)[:, order].reshape(answers.shape)
    style_of_shuffled = style_loss(shuffled, gram_matrix(answers)).item()
    others = look(untrained, dahlia)["7"]
    style_of_dahlia = style_loss(others, gram_matrix(answers)).item()
    content_of_shuffled = content_loss(shuffled, answers).item()
    content_of_dahlia = content_loss(others, answers).item()
print("             shuffled pagoda   dahlia")
print(f"style loss   {style_of_shuffled:15.1e} {style_of_dahlia:8.1e}")
print(f"content loss {content_of_shuffled:15.1e} {content_of_dahlia:8.1e}")

# %% [markdown]
# ## The transfer
#
# The loss is the content loss of the third ReLU plus the style losses of all four, and a little total variation, which
# keeps the pixels calm. The two parts have different units. So the style loss of each layer is divided by that of the
# photograph, and the content loss by the energy of the features. Then one number, β, says how much style counts. L-BFGS
# starts from the photograph.


# %%
def transfer(
    network: nn.Sequential,
    content: Tensor,
    style: Tensor,
    beta: float = 3.0,
    steps: int = 50,
    name: str = "",
) -> tuple[Tensor, np.ndarray]:
    """Return the picture, and both losses at each look, in these units."""
    with torch.no_grad():
        wanted, styles = look(network, content), look(network, style)
        grams = {layer: gram_matrix(styles[layer]) for layer in LAYERS}
        at_start = {n: style_loss(wanted[n], grams[n]).item() for n in LAYERS}
        energy = wanted["7"].square().sum().item() / 2
    weights = {layer: 1 / (4 * at_start[layer]) for layer in LAYERS}
    history: list[tuple[float, float]] = []

    def features(image: Tensor) -> dict[str, Tensor]:
        found = look(network, image)
        if image.requires_grad:  # a look of L-BFGS
            with torch.no_grad():
                left = content_loss(found["7"], wanted["7"]).item() / energy
                each = [style_loss(found[n], grams[n]).item() for n in LAYERS]
            shares = zip(weights.values(), each, strict=True)
            history.append((left, sum(weight * loss for weight, loss in shares)))
            bar.update()
        return found

    with tqdm(desc=name) as bar:
        picture = style_transfer(
            features,
            content,
            style,
            CONTENT,
            LAYERS,
            alpha=1 / energy,
            beta=beta,
            weights=weights,
            tv_weight=3e-6,
            steps=steps,
        )
    return picture, np.array(history)


results, losses = {}, {}
for name, network in {"untrained": untrained, "trained": trained}.items():
    for style_name, style in {"dahlia": dahlia, "handwriting": handwriting}.items():
        key = f"{style_name}, {name} network"
        results[key], losses[key] = transfer(network, pagoda, style, name=key)

gallery({f"Pagoda as {key}": picture for key, picture in results.items()})

# %% [markdown]
# The dahlia brings dusk: its orange, its dark green, the soft round shapes of its petals. The handwriting brings blue
# strokes on white, and they follow the edges of the building. Both networks do it, each in its own way; the caption
# says which one made which picture. That a network which never learned anything can do it is no accident of this lab:
# [random filters are enough to make textures](https://arxiv.org/abs/1606.00021).
#
# How far did it get? Both losses are in units of their start: 1 is the style of the photograph, and 1 is the whole
# content lost.

# %%
ends = {key: history[-1] for key, history in losses.items()}
for key, (content_left, style_left) in ends.items():
    print(f"{key:32} style 1 to {style_left:.4f}, content 0 to {content_left:.2f}")

# %%
#| fig-alt: Style loss over the looks of L-BFGS, on a logarithmic axis, for two styles and two networks. All four fall
#|   from 1 to less than a tenth, most of it within the first twenty looks.
#| code-fold: true
for number, (key, history) in enumerate(losses.items()):
    style_line = "-" if "untrained" in key else "--"
    plt.plot(history[:, 1], f"C{number % 2}{style_line}", label=key)
plt.yscale("log")
plt.xlabel("look at the loss")
plt.title("Style loss, relative to its start")
plt.legend()

# %% [markdown]
# ## How much style
#
# β is the one number to play with. A hundredfold more of it, and the scene goes under in the style.

# %%
small = resize(pagoda, (107, 160))
sweep = {}
for beta in (0.3, 3.0, 30.0):
    name = f"beta {beta}"
    sweep[beta] = transfer(untrained, small, handwriting, beta, 40, name)
trade_off = {beta: history[-1].tolist() for beta, (_, history) in sweep.items()}
for beta, (content_left, style_left) in trade_off.items():
    print(f"beta {beta:4}: content {content_left:.2f}, style {style_left:.4f}")
gallery({f"β = {beta:g}": sweep[beta][0] for beta in sweep}, columns=3)

# %% [markdown]
# ## Style alone
#
# With the content left out and noise to begin with, what comes out is the texture: what the Gram matrices know. From
# the first layer they know ink and paper, and little of the strokes. From all four, whose later layers see more of the
# picture at once, they know strokes, and the columns that they stand in; which digit stood where is what they forget.


# %%
def texture(style: Tensor, layers: list[str], steps: int = 80) -> Tensor:
    start = torch.rand(3, 112, 160, generator=torch.Generator().manual_seed(seed))
    start = start.to(device)
    with torch.no_grad():
        gram = {n: gram_matrix(look(untrained, style)[n]) for n in layers}
        noise = look(untrained, start)
    weights = {n: 1 / style_loss(noise[n], gram[n]).item() for n in layers}
    return style_transfer(
        lambda image: look(untrained, image),
        start,
        style,
        [],
        layers,
        beta=100.0,
        weights=weights,
        tv_weight=1e-5,
        steps=steps,
    )


gallery(
    {
        "Handwriting, first ReLU": texture(handwriting, LAYERS[:1]),
        "Handwriting, all four": texture(handwriting, LAYERS),
        "Pagoda, first ReLU": texture(pagoda, LAYERS[:1]),
        "Pagoda, all four": texture(pagoda, LAYERS),
    }
)

# %% [markdown]
# ## With a network that has seen the world
#
# If VGG-16 with its published weights lies where torch keeps downloads, the cell below transfers both styles with it,
# too. This lab downloads nothing. To fetch the file (half a gigabyte), run
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
    relus = ["1", "6", "11", "18"]  # conv1_1, conv2_1, conv3_1, conv4_1

    def of_vgg(image: Tensor) -> dict[str, Tensor]:
        return layer_outputs(vgg, normalize(image), relus)

    for name, style in {"dahlia": dahlia, "handwriting": handwriting}.items():
        with torch.no_grad():
            before, after = of_vgg(pagoda), of_vgg(style)
            grams = {n: gram_matrix(after[n]) for n in relus}
            far = {n: style_loss(before[n], grams[n]).item() for n in relus}
            energy = before["11"].square().sum().item() / 2
        pictures[f"Pagoda as {name}, VGG-16"] = style_transfer(
            of_vgg,
            pagoda,
            style,
            ["11"],
            relus,
            alpha=1 / energy,
            beta=3.0,
            weights={n: 1 / (4 * far[n]) for n in relus},
            tv_weight=3e-6,
            steps=200 if device == "cuda" else 15,
        )
print("VGG-16 is", "here" if with_vgg else "not here: no picture is its work")
gallery(pictures)

# %% [markdown]
# ## What to say in an interview
#
# - **“What is optimised?”** The pixels. The network only measures; its weights stay as they are.
# - **“Why a Gram matrix?”** It says which features go together and forgets where. Shuffled positions leave it alone.
# - **“Does it need a trained network?”** For content, features that know objects help. For style, random filters do
#   well.
# - **“Why is it slow, and what is done about it?”** Each picture is an optimisation of its own. Feed-forward networks
#   learn to give the result in one pass.
#
# ## Results

# %%
roughness = {key: round(total_variation(p).item()) for key, p in results.items()}
{
    "networks": "untrained, trained here" + (", VGG-16" if with_vgg else ""),
    "accuracy": round(accuracy, 4),
    "parameters": parameters,
    "style_of_shuffled": style_of_shuffled,
    "content_of_shuffled": content_of_shuffled,
    "ends": {key: np.round(end, 4).tolist() for key, end in ends.items()},
    "trade_off": {b: np.round(end, 4).tolist() for b, end in trade_off.items()},
    "roughness": roughness,
}
