"""
==================================
Which sparsity rule should I take?
==================================

Rules differ in how they keep a code sparse, and each has a knob of its own. So they are compared where that is fair: at
the same number of active units, on data that they have not seen. The data are patches of photographs, whose parts one
can look at.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# Data and rules
# --------------
# Patches of 8 x 8 gray pixels without their mean, for training and for the test. :class:`~skl_sae.sparsity.TopK` and
# its kin take the number of active units as it is; the penalties find their weight by `target_l0`.

# sphinx_gallery_thumbnail_number = 2
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import PatchExtractor

from skl_sae import SparseAutoencoder
from skl_sae.inspection import ActivationDensityDisplay, ComponentsDisplay, FrontierDisplay
from skl_sae.metrics import dead_fraction, l0
from skl_sae.sparsity import L1, AbsTopK, BatchTopK, Gated, JumpReLU, Matryoshka, TopK

ACTIVE = (3, 6, 12)

photographs = np.array([photograph.mean(axis=2) / 255 for photograph in load_sample_images().images])
patches = PatchExtractor(patch_size=(8, 8), max_patches=12_000, random_state=0).transform(photographs)
patches = patches.reshape(len(patches), -1).astype(np.float32)
patches -= patches.mean(axis=1, keepdims=True)
patches = np.random.default_rng(0).permutation(patches[patches.std(axis=1) > 0.02])
X, X_test = patches[:8000], patches[8000:10_000]
print(f"{len(X)} patches to learn from, {len(X_test)} to test\n")

rules = {
    "TopK": lambda n: TopK(n),
    "AbsTopK": lambda n: AbsTopK(n),
    "Matryoshka": lambda n: Matryoshka(TopK(n)),
    "BatchTopK": lambda n: BatchTopK(n),
    "L1": lambda n: L1(target_l0=n),
    "Gated": lambda n: Gated(target_l0=n),
    "JumpReLU": lambda n: JumpReLU(target_l0=n),
}

# %%
# Score, dead units and time
# --------------------------
# The time is that of a fit, and on another machine another one.


def fit(rule, n):
    """A fitted autoencoder, and what :class:`~skl_sae.inspection.FrontierDisplay` draws of it."""
    started = time.perf_counter()
    sae = SparseAutoencoder(96, sparsity=rule(n), max_iter=60, random_state=0).fit(X)
    seconds = time.perf_counter() - started
    codes = sae.transform(X_test)
    return sae, (sae.score(X_test), l0(codes), dead_fraction(codes), seconds)


SparseAutoencoder(96, max_iter=1).fit(X)  # compiles the kernels, so that they are not part of the first time
fitted = {name: [fit(rule, n) for n in ACTIVE] for name, rule in rules.items()}

print(f"{'explained variance':<20}" + "".join(f"{f'{n} active':>18}" for n in ACTIVE))
for name, fits in fitted.items():
    print(f"{name:<20}" + "".join(f"{score:>10.3f} ({active:.1f})" for _, (score, active, *_) in fits))

score, active, dead, seconds = np.array([[found for _, found in fits] for fits in fitted.values()]).transpose(2, 0, 1)
frontier = FrontierDisplay(
    n_components=list(rules),
    k=np.array(ACTIVE),
    score=score,
    l0=active,
    dead=dead,
    time=seconds,
    knob="active units asked for",
)
frontier.plot(cmap="turbo")
frontier.axes_[0].get_legend().remove()
frontier.axes_[1].legend(handles=frontier.lines_[0], frameon=False, fontsize="small")

# %%
# Rules that may spend more units on a rich patch and fewer on a plain one (BatchTopK, L1, Gated, JumpReLU) explain more
# than those that give each patch the same number (TopK, AbsTopK, Matryoshka). How many a patch gets is then a result,
# and a row may have none at all. TopK is the simplest, and what it gives has a fixed width. AbsTopK lets a unit stand
# for both signs of an edge, which is worth most where few are active.
#
# The parts
# ---------
# At six active units, the most used of each. All find edges; Matryoshka begins with broad shades, because its first
# units have to do alone.

shown = ["TopK", "AbsTopK", "Matryoshka", "BatchTopK", "L1", "JumpReLU"]
parts, axes = plt.subplots(3, 2, figsize=(9, 7.4), layout="constrained")
for ax, name in zip(axes.flat, shown):
    sae, _ = fitted[name][ACTIVE.index(6)]
    tiles = {"image_shape": (8, 8), "n_components": 32, "n_columns": 8, "cmap": "gray"}
    ComponentsDisplay.from_estimator(sae, X_test, order="density", ax=ax, **tiles)
    ax.set_title(name)

# %%
# How often units fire
# --------------------
# No unit is dead under any rule here. With the same mean, the units of L1 share the work more evenly: under TopK the
# rarest fires in one of a hundred patches, and the most frequent in a third of them.

densities, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True)
for ax, name in zip(axes, ["TopK", "L1"]):
    ActivationDensityDisplay.from_estimator(fitted[name][ACTIVE.index(6)][0], X_test, ax=ax, bins=24)
    ax.set_title(f"{name}: {ax.get_title()}", fontsize="medium")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in {"frontier": frontier.figure_, "parts": parts, "densities": densities}.items():
        path = folder / f"rules_{name}.png"
        figure.savefig(path, dpi=100)
        print(f"saved {path}")
