"""What is measured: the cells, their data and their equations. One table for all peers.

In: nothing but a seed. Out: `CELLS`, arrays as `.npy` files, a `.chain` file for each cell. All
peers get the very same arrays. Deliberately absent: how any peer measures.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

SEED = 20


@dataclass(frozen=True)
class Cell:
    """One thing to be timed. `kind`: train (ms an epoch), one (µs a row), many (million rows/s),
    rates (seconds of a search: so many learning rates, each trained for some epochs)."""

    name: str
    kind: str
    work: str
    widths: tuple[int, ...]
    batch: int = 0
    activation: str = "relu"
    rule: str = "adam"
    rate: float = 1e-3
    norm: bool = False
    # Figures to be reached: of training milliseconds, else µs or million rows a second.
    target: float | None = None
    # The same training with functions and rules of the file's own instead of the shipped ones.
    own_of: str | None = None
    slow: bool = False

    @property
    def rows(self):
        """Rows of a call, where a network is asked."""
        return {"train": 0, "one": 1, "many": 10_000, "rates": 0}[self.kind]

    @property
    def unit(self):
        units = {"train": "ms an epoch", "one": "µs", "many": "million rows/s", "rates": "s"}
        return units[self.kind]

    def better(self, a, b):
        """Whether figure a is better than figure b."""
        return a > b if self.kind == "many" else a < b


T2, T3 = (20, 64, 64, 2), (784, 128, 10)
SHIPPED = [
    Cell("T1 batch 10", "train", "T1", (2, 16, 16, 3), 10, "tanh", "sgd", 0.1, target=0.9),
    Cell("T2 batch 32", "train", "T2", T2, 32, target=45),
    Cell("T2 batch 256", "train", "T2", T2, 256, target=28),
    Cell("T3 batch 32", "train", "T3", T3, 32, target=220),
    Cell("T3 batch 128", "train", "T3", T3, 128, target=148),
    Cell("T3 batch 512", "train", "T3", T3, 512, target=128),
    Cell("T4 batch 1024", "train", "T4", (1024, 4096, 4096, 1000), 1024, "relu", "sgd", 0.05,
         target=6100, slow=True),
]
OTHERS = [
    Cell("three hidden layers", "train", "T2", (20, 96, 64, 32, 2), 64),
    Cell("own activation", "train", "T2", T2, 256, "bent"),
    Cell("adamw with layer_norm", "train", "T2", T2, 256, rule="adamw", norm=True),
]
ASKED = [
    Cell("T2 one row", "one", "T2", T2, 256, target=0.5),
    Cell("T3 one row", "one", "T3", T3, 128, target=5),
    Cell("T2 10k rows", "many", "T2", T2, 256, target=15),
    Cell("T3 10k rows", "many", "T3", T3, 128, target=1.0),
]
# A search for the learning rate, on all cores: rates at equal steps of their logarithm.
RATES, RATE_EPOCHS = 32, 10
SEARCHES = [Cell("32 rates of T2 batch 256", "rates", "T2", T2, 256, target=5.5)]
# What a function and a rule of one's own cost beside the shipped: chainrule alone is asked.
OWN = [
    replace(cell, name=f"{cell.name} own relu and adam", own_of=cell.name, target=None)
    for cell in SHIPPED
    if cell.name in ("T2 batch 256", "T3 batch 128")
]
CELLS = SHIPPED + OTHERS + ASKED + SEARCHES + OWN

OWN_TEXT = """
own_relu(z) = z if z > 0 else 0
optimizer own_adam(lr = 1e-3, β1 = 0.9, β2 = 0.999, ε = 1e-8):
  state m = 0
  state v = 0
  m ← β1 m + (1 − β1) g
  v ← β2 v + (1 − β2) g²
  θ ← θ − lr (m / (1 − β1^t)) / (sqrt(v / (1 − β2^t)) + ε)
"""
BENT_TEXT = "bent(z) = z sigmoid(1.5 z)\n"


def equations(cell):
    """The cell as a `.chain` file."""
    own = cell.own_of is not None
    activation, rule = cell.activation, cell.rule
    head = BENT_TEXT if activation == "bent" else ""
    if own:
        head, activation, rule = OWN_TEXT, f"own_{activation}", f"own_{rule}"
    last = len(cell.widths) - 1
    lines = [f"input x : {cell.widths[0]}", f"target y : {cell.widths[-1]} one-hot"]
    before = "x"
    for l in range(1, last + 1):
        inputs, units = cell.widths[l - 1], cell.widths[l]
        lines += [f"param W{l} : {units}×{inputs} ~ he, b{l} : {units} = 0",
                  f"z{l} = W{l} {before} + b{l}"]
        if l < last:
            z = f"z{l}"
            if cell.norm:
                lines += [f"param γ{l} : {units} = 1, β{l} : {units} = 0",
                          f"n{l} = γ{l} ⊙ layer_norm(z{l}) + β{l}"]
                z = f"n{l}"
            lines.append(f"a{l} = {activation}({z})")
            before = f"a{l}"
    lines += [f"ŷ = softmax(z{last})", "L = cross_entropy(y, ŷ)", "minimize mean(L)",
              f"train: {rule}(lr = {cell.rate}), batch {cell.batch}, epochs 100000, seed 1"]
    return head + "\n".join(lines) + "\n"


def spirals(draw):
    """T1: three arms of a spiral in the plane."""
    t = np.tile(np.linspace(0, 1, 1000), 3)
    arm = np.repeat(np.arange(3), 1000)
    angle = 4 * t + arm * 2 * np.pi / 3 + draw.normal(0, 0.1, 3000)
    return np.stack([t * np.cos(angle), t * np.sin(angle)], 1), arm


def folded(draw):
    """T2: the sign of a sum of folds of 20 numbers, with noise."""
    x = draw.normal(size=(100_000, 20))
    fold, out = draw.normal(size=(20, 8)), draw.normal(size=8)
    return x, np.tanh(x @ fold) @ out + 0.3 * draw.normal(size=len(x)) > 0


def images(draw):
    """T3: ten sparse patterns with noise; a tenth of the labels is wrong, so that no loss ends at 0."""
    n = 60_000
    y = draw.integers(0, 10, n)
    pattern = draw.random((10, 784)) * (draw.random((10, 784)) < 0.25)
    noise = 0.3 * draw.normal(size=(n, 784)) * (draw.random((n, 784)) < 0.3)
    wrong = np.where(draw.random(n) < 0.1, draw.integers(0, 10, n), y)
    return np.clip(pattern[y] + noise, 0, 1), wrong


def clusters(draw):
    """T4: a thousand clusters in 1024 dimensions."""
    y = draw.permutation(np.arange(8192) % 1000)
    centre = draw.normal(size=(1000, 1024))
    return 0.5 * centre[y] + draw.normal(size=(8192, 1024)), y


DRAWN = {"T1": spirals, "T2": folded, "T3": images, "T4": clusters}


def data(folder, work):
    """The folder with a work's arrays `x.npy` (f32) and `y.npy` (i32); drawn if not there."""
    place = Path(folder) / f"{work}-{SEED}"
    if not (place / "y.npy").exists():
        place.mkdir(parents=True, exist_ok=True)
        x, y = DRAWN[work](np.random.default_rng([SEED, int(work[1:])]))
        np.save(place / "x.npy", np.ascontiguousarray(x, "<f4"))
        np.save(place / "y.npy", np.ascontiguousarray(y, "<i4"))
    return place
