# ---
# title: A CNN on handwritten digits
# description: Train a small convolutional network on 1797 real handwritten digits in PyTorch, from the baseline to
#   an honest test score with its confidence interval, and look at every mistake.
# ---

# %% [markdown]
# # A CNN on real handwritten digits
#
# A convolutional network of fifteen thousand parameters learns to read digits that people wrote with a pen. The whole
# run takes seconds on one CPU core. The network is the easy part: most of this lab is about finding out how good it
# really is.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import trange

device = "cuda" if torch.cuda.is_available() else "cpu"
seed = 0

# %% [markdown]
# ## The data
#
# scikit-learn ships 1797 digits as 8×8 images with grey levels from 0 to 16. They come from
# [a collection of 1998](https://doi.org/10.24432/C50P49) for which 43 people filled in forms; these are the digits of
# 13 of them. Divided by 16, an image is ready for the network.

# %%
images, labels = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8).astype(np.float32) / 16
print("images:", images.shape, "from", images.min(), "to", images.max())
print("of each class:", np.bincount(labels))

# %%
#| fig-alt: Thirty handwritten digits in three rows, each from 0 to 9. At 8 by 8 pixels, some are hard to read.
#| code-fold: true


def montage(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Set small images side by side, one empty pixel apart."""
    gap = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    rows, (height, width) = len(tiles) // columns, gap.shape[1:]
    grid = gap.reshape(rows, columns, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width)


by_class = [np.flatnonzero(labels == digit) for digit in range(10)]
some = [of_class[40 * row] for row in range(3) for of_class in by_class]
plt.figure(figsize=(5.2, 1.7))
plt.imshow(montage(images[some], columns=10), cmap="Blues")
plt.axis("off")

# %% [markdown]
# ## Split first
#
# Before any model sees a digit, a fifth of them goes into a drawer. This **test** set comes out once, at the end. The
# **validation** set is what we look at meanwhile, and whatever we look at, we fit to. Both splits are stratified: every
# class keeps its share.

# %%
everything = np.arange(len(labels))


def split(rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Set some rows aside, of each class its share."""
    kept, aside = train_test_split(
        rows,
        test_size=size,
        stratify=labels[rows],
        random_state=seed,
    )
    return np.asarray(kept), np.asarray(aside)


rest, test = split(everything, 360)
train, valid = split(rest, 360)
print(f"train {len(train)}, validation {len(valid)}, test {len(test)}")

# %% [markdown]
# ## A baseline before the network
#
# Logistic regression on the 64 raw pixels trains in a blink. It does not know which pixels are neighbours: shuffle the
# pixels of all images in the same way, and it learns just as well. A network that cannot beat it is not worth its
# trouble.


# %%
def fit_baseline(train: np.ndarray) -> LogisticRegression:
    model = LogisticRegression(max_iter=1000)
    return model.fit(pixels[train], labels[train])


def baseline_hits(model: LogisticRegression, rows: np.ndarray) -> np.ndarray:
    return np.equal(model.predict(pixels[rows]), labels[rows])


pixels = images.reshape(-1, 64)
baseline = fit_baseline(train)
accuracy = baseline_hits(baseline, valid).mean()
print(f"baseline, validation accuracy: {accuracy:.3f}")

# %% [markdown]
# ## The network
#
# Three convolutions, two poolings, one linear layer. Each 3×3 kernel slides over the whole image, so what it learns in
# one corner it knows in every other. Pooling halves the grid, and the channels grow from 1 to 32: less *where*, more
# *what*. [The ReLUs keep the layers from collapsing into one](../training/activations.md#role-of-activation).


# %%
def build_cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 2 * 2, 10),
    )


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


torch.manual_seed(seed)
model = build_cnn().to(device)
x = torch.from_numpy(images).unsqueeze(1).to(device)  # (digits, 1, 8, 8)
y = torch.from_numpy(labels).to(device)

activation = x[:1]
for layer in model:
    activation = layer(activation)
    name = type(layer).__name__
    shape = " × ".join(str(size) for size in activation.shape[1:])
    print(f"{name:10} {shape:12} {count(layer) or '':>6}".rstrip())
parameters = count(model)
print(f"{'total':10} {'':12} {parameters:>6}")

# %% [markdown]
# A convolution is cheap because its weights are shared: the second one has (3 · 3 · 16 + 1) · 32 = 4640 parameters, at
# any image size. A linear layer between the same two feature maps would need two million.
#
# ## Two checks before training
#
# **The loss at the start.** An untrained network should be clueless, not confident. Each class gets about a tenth, so
# [the cross-entropy](../training/losses.md#loss-function) is about −ln(1/10) = ln 10 ≈ 2.303. A start at 8 says that
# the last layer's weights are too large; a start at 0.5 says that the labels leak into the input.
#
# **One batch by heart.** Thirty-two digits must be learnable to a loss near zero within seconds. If they are not, there
# is a bug, and no amount of data will help.


# %%
@torch.no_grad()
def evaluate(model: nn.Module, rows: np.ndarray) -> tuple[float, float]:
    """Return the mean loss and the accuracy, with dropout off."""
    model.eval()
    logits = model(x[rows])
    loss = F.cross_entropy(logits, y[rows])
    accuracy = (logits.argmax(1) == y[rows]).float().mean()
    return loss.item(), accuracy.item()


initial_loss, _ = evaluate(model, train)
print(f"loss before training: {initial_loss:.3f}, ln 10 = {math.log(10):.3f}")

few = train[:32]
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(60):
    optimizer.zero_grad()
    F.cross_entropy(model(x[few]), y[few]).backward()
    optimizer.step()
loss_by_heart, _ = evaluate(model, few)
print(f"loss on 32 digits after 60 steps: {loss_by_heart:.4f}")

# %% [markdown]
# ## Training
#
# The loop is that of any network: predict, measure,
# [send the gradient back](../training/backpropagation.md#backpropagation), take a step. Two things around it matter:
#
# - **Augmentation.** Every time a digit is shown, it is moved by up to one pixel in each direction. That makes nine
#   images of one and keeps the label. A mirror would not: a mirrored 2 is no digit at all.
# - **The learning rate** climbs to 0.003 and then falls to nearly zero
#   ([the one-cycle schedule](https://arxiv.org/abs/1708.07120)): large steps to get somewhere, small ones to settle.


# %%
def shift(batch: Tensor) -> Tensor:
    """Move each image by -1, 0 or 1 pixels in each direction."""
    padded = F.pad(batch, (1, 1, 1, 1))
    windows = padded.unfold(2, 8, 1).unfold(3, 8, 1)  # (batch, 1, 3, 3, 8, 8)
    down, right = torch.randint(0, 3, (2, len(batch)))
    return windows[torch.arange(len(batch)), :, down, right]


def fit(
    train: np.ndarray,
    valid: np.ndarray,
    epochs: int = 60,
    batches: int = 34,
) -> tuple[nn.Sequential, np.ndarray]:
    torch.manual_seed(seed)
    model = build_cnn().to(device)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = OneCycleLR(optimizer, max_lr=3e-3, total_steps=epochs * batches)
    history = []
    for _ in trange(epochs, desc="training"):
        model.train()
        shuffled = train[torch.randperm(len(train))]
        for rows in np.array_split(shuffled, batches):
            loss = F.cross_entropy(model(shift(x[rows])), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        history.append([*evaluate(model, train), *evaluate(model, valid)])
    return model, np.array(history)


model, history = fit(train, valid)
train_loss, train_accuracy, valid_loss, valid_accuracy = history[-1]
print(f"training:   loss {train_loss:.3f}, accuracy {train_accuracy:.3f}")
print(f"validation: loss {valid_loss:.3f}, accuracy {valid_accuracy:.3f}")

# %% [markdown]
# ## The learning curve
#
# Read three things off it. While the learning rate is still small, the loss stays near ln 10. Then both curves fall
# together and part only late, at a small loss: little overfitting, thanks to augmentation and dropout. And the end is
# flat, so more epochs would buy nothing.

# %%
#| fig-alt: Two plots over 60 epochs. The loss, on a logarithmic axis, stays near ln 10 for a few epochs, then falls to
#|   about a hundredth of that; the share of errors falls from most of the digits to about one in a hundred. The
#|   validation curve runs with the training curve and ends a little above it.
#| code-fold: true
epochs = np.arange(1, len(history) + 1)
figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.8))
for name, column in ("training", 0), ("validation", 2):
    loss, accuracy = history[:, column], history[:, column + 1]
    left.plot(epochs, loss, label=name)
    right.plot(epochs, 100 * (1 - accuracy), label=name)
left.axhline(math.log(10), linestyle=":")
left.text(epochs[-1], 0.85 * math.log(10), "ln 10", ha="right", va="top")
left.set(yscale="log", xlabel="epoch", title="Loss")
right.set(yscale="symlog", ylim=(0, 100), xlabel="epoch", title="Errors in %")
right.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
right.legend()

# %% [markdown]
# ## The test set, once
#
# Now the drawer opens, once, for both models. 360 digits are few, so each accuracy comes with
# [Wilson's 95 % interval](https://doi.org/10.1080/01621459.1927.10502953), which, unlike “plus or minus two standard
# errors”, never reaches beyond 100 %.


# %%
def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share: the true shares that fit it."""
    share, weight = hits / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    spread = math.sqrt((share * (1 - share) + weight / 4) / total)
    margin = z * spread / (1 + weight)
    return centre - margin, centre + margin


def report(name: str, hits: np.ndarray) -> None:
    right, total = int(hits.sum()), len(hits)
    low, high = wilson(right, total)
    share = f"{right / total:.1%} ({low:.1%} to {high:.1%})"
    print(f"{name:8} {share}, {total - right} wrong")


@torch.no_grad()
def probabilities_of(model: nn.Module, rows: np.ndarray) -> np.ndarray:
    model.eval()
    return model(x[rows]).softmax(1).cpu().numpy()


probabilities = probabilities_of(model, test)
predicted = probabilities.argmax(1)
hits = predicted == labels[test]
hits_of_baseline = baseline_hits(baseline, test)
report("baseline", hits_of_baseline)
report("CNN", hits)

# %% [markdown]
# More decimals would be a pretence: a single digit moves the accuracy by 0.28 points, and the interval is about two
# points wide.
#
# Is the CNN better than the baseline? Comparing the two intervals is the wrong tool. Both models read the *same*
# digits, and those that both get right tell us nothing. Look only at the digits of which one model alone is right: if
# the models were equally good, each would be a coin toss. That is
# [McNemar's test](https://doi.org/10.1007/BF02295996), here in its exact form.


# %%
def coin_toss_p(one: int, other: int) -> float:
    """Return how often a fair coin gives a split at least as uneven."""
    tosses, fewer = one + other, min(one, other)
    ways = sum(math.comb(tosses, heads) for heads in range(fewer + 1))
    return min(1.0, 2 * ways / 2**tosses)


only_cnn = int(np.sum(hits & ~hits_of_baseline))
only_baseline = int(np.sum(~hits & hits_of_baseline))
p_value = coin_toss_p(only_cnn, only_baseline)
print(f"only the CNN is right:      {only_cnn:2}")
print(f"only the baseline is right: {only_baseline:2}")
print(f"p = {p_value:.4f}")

# %% [markdown]
# ## Which digits it confuses
#
# Rows are what was written, columns what was read. A good matrix is boring: a diagonal, and a few lone counts off it. A
# full column would be a digit that the network sees everywhere; a full row, one that it cannot read.

# %%
#| fig-alt: Confusion matrix of the test set, ten by ten. Nearly all of the 360 digits stand on the diagonal, about 36
#|   of each class; the few errors are lone counts scattered off it.
#| code-fold: true
confusion = np.zeros((10, 10), dtype=int)
np.add.at(confusion, (labels[test], predicted), 1)

figure, axes = plt.subplots(figsize=(4.4, 4.2))
axes.imshow(confusion, cmap="Blues", vmax=60)
for row, column in zip(*confusion.nonzero(), strict=True):
    number = str(confusion[row, column])
    axes.text(column, row, number, ha="center", va="center")
axes.set(xlabel="read", xticks=range(10), yticks=range(10))
axes.set_ylabel("written", labelpad=8)

# %% [markdown]
# ## Every mistake
#
# A score does not say what went wrong; the images do. Each row is a digit that the network misread, with the
# probability that it gave to each class. Would you have read it? And was the network unsure, or wrong with confidence?
# Only the first kind can be caught by a threshold on the probability.

# %%
#| fig-alt: Each misread digit of the test set as an image, next to the ten probabilities that the network gave. A box
#|   marks the class that was written; the fullest cell is the class that was read.
#| code-fold: true
wrong = np.flatnonzero(~hits)
wrong = wrong[np.argsort(probabilities[wrong].max(1))]  # the unsure ones first
size = (5.6, 0.7 + 0.48 * len(wrong))
figure, (left, right) = plt.subplots(1, 2, figsize=size, width_ratios=[1, 10])
for row, example in enumerate(wrong):
    image, written = images[test[example]], int(labels[test[example]])
    place = (0, 1, row + 0.46, row - 0.46)
    left.imshow(image, cmap="Blues", extent=place, aspect="auto")
    corner = (written - 0.46, row - 0.42)
    right.add_patch(Rectangle(corner, 0.92, 0.84, fill=False, ec="C1", lw=2))
    for digit in np.flatnonzero(probabilities[example] >= 0.01):
        number = f"{probabilities[example, digit]:.2f}"
        right.text(digit, row, number, ha="center", va="center")
if len(wrong):
    right.imshow(probabilities[wrong], cmap="Blues", vmax=1.4, aspect="auto")
left.set(xlim=(0, 1), ylim=(len(wrong) - 0.5, -0.5))
left.axis("off")
right.set(xlabel="read as (box: what was written)", xticks=range(10), yticks=[])

# %% [markdown]
# ## What the first layer looks for
#
# Sixteen kernels of 3×3 weights, blue for positive and orange for negative; below, what each makes of the same digit
# after its ReLU. Some are edge detectors: a positive side beside a negative one, which answers along one side of a
# stroke and stays silent along the other. Nobody designed them; the gradient found them.

# %%
#| fig-alt: Above, sixteen 3 by 3 kernels in two rows, several with a positive and a negative side. Below, the sixteen
#|   answers to one digit; each shows other parts of its strokes.
#| code-fold: true
kernels = model.state_dict()["0.weight"].squeeze(1).cpu().numpy()  # (16, 3, 3)
with torch.no_grad():
    answers = model[:2](x[test[:1]])[0].cpu().numpy()  # (16, 8, 8)

figure, (top, bottom) = plt.subplots(2, 1, figsize=(5.2, 3.6))
limit = np.abs(kernels).max()
top.imshow(montage(kernels, columns=8), cmap="RdBu", vmin=-limit, vmax=limit)
bottom.imshow(montage(answers, columns=8), cmap="Blues")
top.set_title("The kernels")
bottom.set_title(f"Their answers to a {labels[test[0]]}")
top.axis("off")
bottom.axis("off")

# %% [markdown]
# ## A harder test: other hands
#
# The score has a flaw that no interval shows. A random split deals the digits of each of the 13 writers into all three
# parts, so the network is tested on hands that it has seen. The authors of the data kept some people's digits apart for
# this reason. The file names no writers, but it was not shuffled either: the most similar twin of a digit stands much
# closer to it than chance would put it.

# %%
search = NearestNeighbors(n_neighbors=2).fit(pixels)
twin = search.kneighbors(pixels, return_distance=False)[:, 1]  # 0 is itself
random = np.random.default_rng(seed).permutation(everything)
print("median number of rows from a digit")
print(f"  to its twin:       {np.median(np.abs(twin - everything)):.0f}")
print(f"  to a random digit: {np.median(np.abs(random - everything)):.0f}")

# %% [markdown]
# So cut the file instead of shuffling it. The last 360 rows are the test, most of them probably from people whom the
# model has not met. Same code, same network, same settings.

# %%
known, strangers = everything[:-360], everything[-360:]
known_train, known_valid = split(known, 360)
baseline = fit_baseline(known_train)
model, _ = fit(known_train, known_valid)

predicted = probabilities_of(model, strangers).argmax(1)
hits_on_strangers = predicted == labels[strangers]
baseline_hits_on_strangers = baseline_hits(baseline, strangers)
report("baseline", baseline_hits_on_strangers)
report("CNN", hits_on_strangers)

# %% [markdown]
# Both models lose, and the baseline loses far more. That is the better argument for the CNN: on familiar hands it is
# ahead by a nose, on unfamiliar ones by a length. And it is closer to what to expect in use, where every writer is new.
#
# ## What to say in an interview
#
# - **“How would you start?”** A split, a simple baseline, a loss near ln(number of classes) before training, one batch
#   by heart. Only then the real training.
# - **“You report 99 %. How sure are you?”** With 360 digits, the 95 % interval is about two points wide. To compare two
#   models, look at the examples on which they disagree.
# - **“What could make the score too good?”** Whatever training and test share: here the writers, elsewhere the patient,
#   the camera, the day. Split by the unit that will be new in use.
# - **“Why a CNN rather than a larger linear layer?”** Shared weights: a stroke learned in one place is known in every
#   place, with thousands of parameters instead of millions.
# - **“What would you look at next?”** The confident mistakes. They tend to be wrong labels, or what the training data
#   lacks.
#
# ## Results

# %%
low, high = wilson(int(hits.sum()), len(hits))
{
    "test_accuracy": round(float(hits.mean()), 4),
    "test_interval": (round(low, 4), round(high, 4)),
    "baseline_accuracy": round(float(hits_of_baseline.mean()), 4),
    "p_value": round(p_value, 4),
    "strangers_accuracy": round(float(hits_on_strangers.mean()), 4),
    "strangers_baseline": round(float(baseline_hits_on_strangers.mean()), 4),
    "parameters": parameters,
    "initial_loss": round(initial_loss, 4),
    "loss_by_heart": round(loss_by_heart, 4),
}
