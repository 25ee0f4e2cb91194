# ---
# title: Plain against residual
# description: Train plain and residual networks of 8, 20 and 56 layers on real digits, and watch the deep plain one
#   fail on its own training data, although no gradient vanishes.
# ---

# %% [markdown]
# # Plain against residual
#
# More layers can represent more. So a deeper network should fit its training data at least as well as a shallow one.
# In 2015 it did not: [plain networks got *worse* on their own training data](../vision/resnet.md#resnet) when they got
# deeper, batch normalisation or not. This lab reproduces that degradation on real digits, in less than a minute, and
# looks for its cause.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from dlref.vision.resnet import BasicBlock

device = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# ## The data
#
# scikit-learn's 1797 handwritten digits, 8×8 pixels each ([another lab](digits-cnn.py) looks at them closely). Two
# thirds are for training, a third is held out. They are easy, and that is the point: a network that cannot even fit
# the training digits has no excuse.

# %%
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8).to(device)
y = torch.tensor(labels, device=device)
parts = train_test_split(
    np.arange(len(labels)),
    test_size=599,
    stratify=labels,
    random_state=0,
)
train, held_out = np.asarray(parts[0]), np.asarray(parts[1])
print(f"{len(train)} digits for training, {len(held_out)} held out")

# %% [markdown]
# ## One difference
#
# A convolution of stride 2, then blocks of two 3×3 convolutions with batch normalisation, all with 16 channels on a
# 4×4 grid, then the mean over the grid and a linear layer. Width and resolution never change, so no shortcut needs a
# projection: the plain and the residual network of the same depth have **the same parameters, the same first weights
# and see the same batches**. They differ in one addition per block.


# %%
def build(depth: int, shortcut: bool) -> nn.Sequential:
    blocks = [BasicBlock(16, 16, shortcut=shortcut) for _ in range(depth // 2 - 1)]
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )
    for weight in kernels(model):
        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
    return model


def kernels(model: nn.Module) -> list[nn.Parameter]:
    """List the weights of the convolutions, from the first to the last."""
    return [p for p in model.parameters() if p.ndim == 4]


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


depths, kinds = (8, 20, 56), {"plain": False, "residual": True}
parameters = {depth: count(build(depth, shortcut=False)) for depth in depths}
for depth in depths:
    assert parameters[depth] == count(build(depth, shortcut=True))
    print(f"{depth:2} layers: {parameters[depth]:7,} parameters, plain or residual")

# %% [markdown]
# ## The same training for all
#
# 150 steps of stochastic gradient descent with momentum, 64 digits each, and a learning rate that climbs to 0.1 and
# falls to zero. No augmentation, no dropout: nothing makes the training set harder to fit than it is. Two seeds, so
# that one unlucky start is not mistaken for a law. On the way, the gradient of every kernel is measured.


# %%
@torch.no_grad()
def error(model: nn.Module, rows: np.ndarray) -> float:
    """Return the share of digits that a network misreads, in percent."""
    model.eval()
    wrong = model(x[rows]).argmax(1) != y[rows]
    return 100 * wrong.float().mean().item()


def fit(
    depth: int,
    kind: str,
    seed: int,
    rate: float = 0.1,
    steps: int = 150,
) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    """Train a network; return it, the loss and the gradient norms per step."""
    torch.manual_seed(seed)
    model = build(depth, kinds[kind]).to(device)
    weights = kernels(model)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=rate,
        momentum=0.9,
        weight_decay=1e-4,
    )
    schedule = OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    losses, norms = [], []
    for _ in range(steps):
        rows = train[torch.randint(len(train), (64,))]
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        norms.append(torch.stack([gradient.norm() for gradient in gradients]))
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
    return model, stacked(losses), stacked(norms)


def stacked(rows: list[Tensor]) -> np.ndarray:
    return torch.stack(rows).cpu().numpy()


seeds = (0, 1)
runs = [(depth, kind, seed) for depth in depths for kind in kinds for seed in seeds]
trained = {run: fit(*run) for run in tqdm(runs, desc="training")}

# %% [markdown]
# ## The result
#
# The residual networks fit their training digits at every depth. The plain ones do at 8 layers, lag at 20 and fail at
# 56: of the digits that they were trained on, they misread more than half.

# %%
errors: dict[tuple[int, str], np.ndarray] = {}
print("                    misread in training   held out")
for depth in depths:
    for kind in kinds:
        models = [trained[depth, kind, seed][0] for seed in seeds]
        both = [[error(m, train), error(m, held_out)] for m in models]
        errors[depth, kind] = np.mean(both, axis=0)
        seen, unseen = errors[depth, kind]
        print(f"{depth:2} layers, {kind:8} {seen:17.1f} % {unseen:8.1f} %")

# %%
#| fig-alt: Two plots of the training loss over 150 steps, for 8, 20 and 56 layers. On the left, the deeper a plain
#|   network is, the slower it learns, and with 56 layers the loss hardly leaves the level of guessing. On the right,
#|   the curves of the residual networks fall to nearly zero together.
#| code-fold: true


def smooth(losses: np.ndarray, window: int = 8) -> np.ndarray:
    return np.convolve(losses, np.ones(window) / window, mode="valid")


figure, panels = plt.subplots(1, 2, figsize=(5.6, 3), sharey=True)
for panel, kind in zip(panels, kinds, strict=True):
    for color, depth in enumerate(depths):
        for seed in seeds:
            label = f"{depth} layers" if seed == 0 else None
            style = "-" if seed == 0 else ":"
            loss = smooth(trained[depth, kind, seed][1])
            panel.plot(loss, f"C{color}{style}", label=label)
    panel.axhline(np.log(10), linestyle="--", color="C6")
    panel.set(title=kind, xlabel="step", ylim=(0, 3))
panels[0].text(150, 2.36, "guessing", ha="right", va="bottom", color="C6")
panels[0].set_ylabel("training loss")
panels[1].legend()

# %% [markdown]
# Overfitting looks different: a low error in training and a high one on held-out digits. Here both are high, and about
# equally so. Nor is the network too weak, as the next step shows.
#
# ## A good solution exists
#
# Take the plain network of 8 layers, trained. Add 24 blocks that pass their input on: the middle weight of each kernel
# is 1 from a channel to itself, all others are 0, batch normalisation has mean 0 and variance 1, and ReLU changes
# nothing, because its input comes from a ReLU. That is a plain network of 56 layers, with the very same parameters to
# choose as the one that failed.


# %%
def identity_block() -> BasicBlock:
    block = BasicBlock(16, 16, shortcut=False).eval().to(device)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d) and layer.running_var is not None:
            layer.running_var.fill_(1 - layer.eps)
    return block


shallow = trained[8, "plain", 0][0]
layers = list(shallow)  # three of the stem, three blocks, three of the head
added = [identity_block() for _ in range(24)]
constructed = nn.Sequential(*layers[:6], *added, *layers[6:])
assert count(constructed) == parameters[56]
constructed_error = error(constructed, train)
print(f"constructed, 56 layers: {constructed_error:.1f} % misread in training")
print(f"trained, 56 layers:     {errors[56, 'plain'][0]:.1f} %")

# %% [markdown]
# So the set of functions is large enough. Training from a random start does not get there. In a residual network the
# same solution is close to every start: a block passes its input on when its own weights do nothing.
#
# ## It is not a vanishing gradient
#
# Below, the gradient of each of the 55 kernels of the two deep networks: in the very first step, and in the middle of
# training.

# %%
#| fig-alt: Two plots of the gradient norm over the 55 kernels from first to last, logarithmic. At the first step, the
#|   plain network's gradients rise by about three powers of ten towards the first layers; the residual one's rise by
#|   about one. In the middle of training both are nearly level, between a hundredth and one.
#| code-fold: true
deep = {kind: trained[56, kind, 0][2] for kind in kinds}  # (steps, kernels)
moments = {"first step": slice(0, 1), "steps 50 to 100": slice(50, 100)}
figure, panels = plt.subplots(1, 2, figsize=(5.6, 3), sharey=True)
for panel, (moment, steps) in zip(panels, moments.items(), strict=True):
    for color, (kind, norms) in enumerate(deep.items()):
        mean = norms[steps].mean(0)
        panel.semilogy(np.arange(1, 56), mean, f"C{color}", label=kind)
    panel.set(title=moment, xlabel="kernel")
panels[0].set_ylabel("gradient norm")
panels[0].legend()

# %%
ratio = {}
for kind, norms in deep.items():
    for moment, steps in moments.items():
        mean = norms[steps].mean(0)
        quotient = float(mean[1:6].mean() / mean[-5:].mean())
        ratio[kind, moment] = quotient
        print(f"{kind:8} {moment:15} first / last kernels {quotient:6.1f}")

# %% [markdown]
# Nothing vanishes. At the start the plain network's gradient even *explodes* towards the input: batch normalisation
# keeps the scale on the way forward, and
# [without shortcuts that makes the gradient grow on its way back](https://arxiv.org/abs/1902.08129). A few steps later
# the norms are level, as that paper found, too. The early layers have gradients as large as the late ones. They just
# do not learn from them.
#
# ## Large gradients that agree on nothing
#
# A step is useful if it also helps with digits that were not in the batch. So take two batches, compute the gradient
# of the same untrained network on each, and measure the cosine of the angle between the two: 1 if they point the same
# way, 0 if one says nothing about the other.


# %%
def cosine(one: Tensor, other: Tensor) -> Tensor:
    return F.cosine_similarity(one.flatten(), other.flatten(), dim=0)


def agreement(depth: int, kind: str, pairs: int = 8) -> np.ndarray:
    """Return the mean cosine between the gradients of two batches, per kernel."""
    cosines = []
    for seed in seeds:
        torch.manual_seed(seed)
        model = build(depth, kinds[kind]).to(device)
        for _ in range(pairs):
            gradients = []
            for rows in train[torch.randint(len(train), (2, 64))]:
                loss = F.cross_entropy(model(x[rows]), y[rows])
                gradients.append(torch.autograd.grad(loss, kernels(model)))
            cosines.append(torch.stack([*map(cosine, *gradients)]))
    return stacked(cosines).mean(0)


agreements = {}
for depth in depths:
    for kind in kinds:
        agreements[depth, kind] = agreement(depth, kind)
        early = agreements[depth, kind][: depth // 2].mean()
        print(f"{depth:2} layers, {kind:8}: cosine {early:5.2f} in the first half")

# %%
#| fig-alt: The cosine between the gradients of two batches, for each of the 55 kernels of the deep networks. In the
#|   plain network it is about zero for all but the last kernels. In the residual one it rises from about 0.2 at the
#|   first kernels to about 0.6 at the last.
#| code-fold: true
for color, kind in enumerate(kinds):
    plt.plot(np.arange(1, 56), agreements[56, kind], f"C{color}", label=kind)
plt.axhline(0, linestyle="--", color="C6")
plt.xlabel("kernel")
plt.ylabel("cosine of two batches")
plt.legend()

# %% [markdown]
# In the deep plain network the gradients of two batches stand at right angles, except near the output. What one batch
# teaches has nothing to do with the next. This is
# [gradient shattering](https://arxiv.org/abs/1702.08591): with depth, the gradient of a plain network comes to look
# like noise, and shortcuts slow that down. It is measured at the start, so it explains why training does not get going,
# and not all that happens later.
#
# ## Is it the learning rate?
#
# A fair question: perhaps the rate of 0.1 suits the residual network alone. Here is the deep plain one, from the first
# seed, at two others.

# %%
rates = (0.03, 0.3)
tried = {0.1: error(trained[56, "plain", 0][0], train)}
for rate in tqdm(rates, desc="other rates"):
    tried[rate] = error(fit(56, "plain", 0, rate)[0], train)
for rate in sorted(tried):
    print(f"rate {rate:4}: {tried[rate]:.1f} % misread in training")

# %% [markdown]
# Neither comes near the residual network. The plain one is not stuck for ever: `fit(56, "plain", 0, 0.02, 600)`, four
# times as long at a small rate, gets going. It learns so late that the depth costs more than it gives.
#
# ## What to take home
#
# - **Degradation** is a failure to fit the *training* data. Whoever shows only test errors cannot tell it from
#   overfitting.
# - It needs depth: at 8 layers the shortcut changes nothing, at 20 it helps, at 56 it decides.
# - It is neither too few parameters nor a vanishing gradient: the gradients are there, and disagree. The shortcut puts
#   good solutions within reach.
#
# The numbers, which the tests of this site check:


# %%
def table(column: int) -> dict[str, float]:
    names = [f"{kind} {depth}" for depth, kind in errors]
    values = [round(float(both[column]), 2) for both in errors.values()]
    return dict(zip(names, values, strict=True))


{
    "parameters": parameters,
    "training_error": table(0),
    "held_out_error": table(1),
    "constructed_error": round(constructed_error, 2),
    "shallow_error": round(error(shallow, train), 2),
    "gradient_ratio": {" ".join(key): round(ratio[key], 3) for key in ratio},
    "agreement": {
        f"{kind} {depth}": round(float(cosines[: depth // 2].mean()), 3)
        for (depth, kind), cosines in agreements.items()
    },
    "other_rates": {rate: round(float(tried[rate]), 2) for rate in sorted(tried)},
}
