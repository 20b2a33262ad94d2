"""
================================================
Do sparse features help a classifier of digits?
================================================

A linear classifier separates scikit-learn's 8 x 8 digits well, and sparse features of the same images better.
This example trains a :class:`~skl_sae.SparseAutoencoder` without labels, hands its codes to a linear support vector
machine, and compares them with four other inputs of the same classifier:

* the raw pixels;
* 64 principal components;
* an *untrained* encoder with the same number of units and the same rule (the k largest activations of a row are kept);
* an untrained encoder whose activations are all kept (random features through a relu).

The untrained encoders matter. A wide layer helps a linear classifier even when its weights are random, so only the
distance to them tells what training has added.

Run as a script, it saves its two pictures in the current folder, or in the folder given as its argument.
"""

# %%
# What the autoencoder keeps
# --------------------------
# First one fit on all images, to look at. The autoencoder has its default parameters, apart from the number of units.
# At most `k` of them are active for an image, by default an eighth. Below each image is what they make of it.

# sphinx_gallery_thumbnail_number = 2
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skl_sae import SparseAutoencoder
from skl_sae.inspection import ComponentsDisplay, ReconstructionDisplay
from skl_sae.sparsity import L1

N_COMPONENTS = 160
SEEDS = (0, 1, 2)

X, y = load_digits(return_X_y=True)
X = X / 16

sae = SparseAutoencoder(n_components=N_COMPONENTS, random_state=0).fit(X)
k = sae.sparsity_.k_
print(f"{X.shape[0]} images of {X.shape[1]} pixels, {N_COMPONENTS} units, at most {k} active for an image")
print(f"explained variance of the reconstructions: {sae.score(X):.3f}\n")

first_of_each = [np.flatnonzero(y == digit)[0] for digit in range(10)]
reconstructions = ReconstructionDisplay.from_estimator(sae, X[first_of_each], image_shape=(8, 8), cmap="gray_r")
reconstructions.ax_.set_title(f"Digits, and what {k} of {N_COMPONENTS} units make of them")

# %%
# What digits are made of
# -----------------------
# These units may add ink and take it away, and correct each other; that explains most, but a single one shows little. A
# pen only adds ink. With ``positive_decoder=True`` so do units, and they become strokes.
# :ref:`sphx_glr_auto_examples_images_plot_strokes.py` goes on from here.

pen = SparseAutoencoder(
    n_components=64, sparsity=L1(target_l0=12), positive_decoder=True, weight_l1=1e-4, random_state=0
).fit(X)
looks = {"cmap": "gray_r", "vmin": 0, "n_columns": 16}
strokes = ComponentsDisplay.from_estimator(pen, X, image_shape=(8, 8), order="density", **looks)
strokes.ax_.set_title("Strokes of handwritten digits: the components of 64 units")

# %%
# The inputs of the classifier
# ----------------------------
# The untrained encoder is a few lines of NumPy: the mean is subtracted, then come random unit-length weights and a
# relu.


class RandomEncoder(TransformerMixin, BaseEstimator):
    """Random features: ``relu((x - mean) W)``, of which the `k` largest of each row are kept (all if `k` is None)."""

    def __init__(self, k=None, random_state=None):
        self.k = k
        self.random_state = random_state

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        weights = np.random.default_rng(self.random_state).normal(size=(X.shape[1], N_COMPONENTS))
        self.weights_ = weights / np.linalg.norm(weights, axis=0)
        return self

    def transform(self, X):
        codes = np.maximum((X - self.mean_) @ self.weights_, 0)
        if self.k is not None:
            smallest_kept = np.partition(codes, -self.k, axis=1)[:, [-self.k]]
            codes[codes < smallest_kept] = 0
        return codes


def inputs(seed):
    """Name and transformer of each row of the table."""
    return {
        "raw pixels": "passthrough",
        "PCA(64)": PCA(64, random_state=seed),
        f"untrained encoder, top {k}": RandomEncoder(k, random_state=seed),
        "untrained encoder, relu": RandomEncoder(random_state=seed),
        "SparseAutoencoder": SparseAutoencoder(n_components=N_COMPONENTS, random_state=seed),
    }


# %%
# The comparison
# --------------
# Five folds, three seeds. Each input is fitted on the training folds only, and without labels. The classifier's `C` is
# chosen inside the training folds, on the features: the search is the last step of the pipeline, so that the encoder
# in front of it is fitted once a fold.


def accuracies(transformer, seed):
    """Accuracy on each of the five held-out folds, in per cent."""
    classifier = GridSearchCV(LinearSVC(dual=False), {"C": np.logspace(-2, 1, 4)}, cv=3)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return 100 * cross_val_score(make_pipeline(transformer, classifier), X, y, cv=folds)


started = time.perf_counter()
results = {}
for seed in SEEDS:
    for name, transformer in inputs(seed).items():
        results.setdefault(name, []).append(accuracies(transformer, seed))

print(f"Accuracy in per cent, mean and standard deviation over {len(SEEDS)} seeds x 5 folds, and the mean of each seed")
for name, scores in results.items():
    by_seed = "  ".join(f"{np.mean(s):.2f}" for s in scores)
    print(f"{name:<28} {np.mean(scores):6.2f} ± {np.std(scores):.2f}    ({by_seed})")
print(f"({time.perf_counter() - started:.0f} s)")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, display in [("reconstructions", reconstructions), ("components", strokes)]:
        path = folder / f"digits_{name}.png"
        display.figure_.savefig(path, dpi=120)
        print(f"saved {path}")
