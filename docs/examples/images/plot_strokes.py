"""
=======================================
Which strokes make a handwritten digit?
=======================================

Somebody who reads a 4 sees two or three strokes, not 64 pixels. An autoencoder whose units only add ink finds such
strokes in scikit-learn's 8 x 8 digits by itself. Nobody tells it what a stroke is, nor which digit it sees.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# Parts that correct each other
# -----------------------------
# With the default rule a unit may add ink (red) and take it away (blue). Twenty units share an image, and what one does
# wrong others put right. They explain the images well, and none of them shows a part of a digit.

# sphinx_gallery_thumbnail_number = 3
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skl_sae import SparseAutoencoder
from skl_sae.inspection import ComponentsDisplay, ReconstructionDisplay, UnitDisplay
from skl_sae.metrics import l0
from skl_sae.sparsity import L1

X, y = load_digits(return_X_y=True)
X = X / 16
shape = {"image_shape": (8, 8)}

free = SparseAutoencoder(n_components=160, random_state=0).fit(X)
free_parts = ComponentsDisplay.from_estimator(free, X, order="density", n_components=32, n_columns=16, **shape)
free_parts.ax_.set_title("Units that add and take away: 32 of 160")

# %%
# Parts that only add
# -------------------
# A pen cannot take ink away. ``positive_decoder=True`` says so: after each step of the training, negative weights of
# the decoder are set to zero. The rule is :class:`~skl_sae.sparsity.L1`; `target_l0` asks for twelve active units in an
# image, and `weight_l1` removes the haze around a stroke.

pen = SparseAutoencoder(
    n_components=64, sparsity=L1(target_l0=12), positive_decoder=True, weight_l1=1e-4, random_state=0
).fit(X)
ink = {"cmap": "gray_r", "vmin": 0}
strokes = ComponentsDisplay.from_estimator(pen, X, order="density", n_columns=16, **shape, **ink)
strokes.ax_.set_title("Units that only add: all 64")

# %%
# There are bars, hooks, arcs and bellies, each at its place, and the sheet that they are added to is nearly blank:

print(f"mean ink of a pixel: {X.mean():.2f}, of the sheet (`intercept_`): {pen.intercept_.mean():.2f}")

# %%
# A digit, stroke by stroke
# -------------------------
# The strongest units of an image are added one after the other. A code is an array, so that needs no more than zeros.


def strongest(codes, n):
    """Codes of which each row keeps its `n` largest entries."""
    kept = np.sort(codes, axis=1)[:, [-n]]
    return np.where(codes >= kept, codes, 0)


images = X[[np.flatnonzero(y == digit)[0] for digit in range(10)]]
codes = pen.transform(images)
stages = {f"{n} strokes": pen.inverse_transform(strongest(codes, n)) for n in (2, 4, 8)}
stages["all"] = pen.inverse_transform(codes)
growing = ReconstructionDisplay.from_predictions(images, stages, input_name="image", **shape, **ink)

# %%
# Whose stroke is it?
# -------------------
# Labels have had no part so far. Afterwards they tell which digits a stroke belongs to. Here is the stroke that nines
# have most of: what it adds, the images in which it is strongest, and the lift of the digits, how many times as
# frequent they are where the stroke is.

of_nines = int(np.argmax(pen.transform(X[y == 9]).mean(axis=0)))
card = UnitDisplay.from_estimator(pen, X, unit=of_nines, y=y, image_shape=(8, 8))

# %%
# What it costs
# -------------
# Fewer active units and no cancelling explain less of the images. What matters for telling digits apart is there
# nearly as before.

print(f"{'':<22}{'explained variance':>20}{'active units':>15}{'accuracy of a linear classifier':>34}")
for name, sae in {"add and take away, 160": free, "only add, 64": pen}.items():
    accuracy = cross_val_score(make_pipeline(sae, LinearSVC(C=0.1, dual=False)), X, y, cv=5).mean()
    print(f"{name:<22}{sae.score(X):>20.3f}{l0(sae.transform(X)):>15.1f}{accuracy:>34.3f}")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, display in {"free": free_parts, "parts": strokes, "growing": growing, "card": card}.items():
        path = folder / f"strokes_{name}.png"
        display.figure_.savefig(path, dpi=100)
        print(f"saved {path}")
