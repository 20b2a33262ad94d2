"""
===============================
What are photographs made of?
===============================

Small patches of photographs look like anything, and are sums of few things: edges, lines and gratings. An autoencoder
that may use eight units for a patch finds them by itself, as Olshausen and Field found by sparse coding in 1996. They
resemble what cells in the visual cortex respond to.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# The patches
# -----------
# Twelve by twelve gray pixels, from scikit-learn's two photographs: a palace roof and a flower. The brightness of a
# patch tells little about what is in it, so the mean of each is subtracted, and even patches are left out.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import PatchExtractor

from skl_sae import SparseAutoencoder
from skl_sae.inspection import ComponentsDisplay, ReconstructionDisplay
from skl_sae.sparsity import TopK

SIDE = 12

photographs = np.array([photograph.mean(axis=2) / 255 for photograph in load_sample_images().images])
patches = PatchExtractor(patch_size=(SIDE, SIDE), max_patches=10_000, random_state=0).transform(photographs)
X = patches.reshape(len(patches), -1).astype(np.float32)
X -= X.mean(axis=1, keepdims=True)
X = X[X.std(axis=1) > 0.02]
print(f"{len(X)} patches of {X.shape[1]} pixels")

# %%
# The parts
# ---------
# Above, what the units of a sparse autoencoder add to a patch, those used most first: broad shades, then edges and
# lines of each direction, then the ribs of the roof's tiles. Below, as many principal components. They are waves that
# fill the whole patch, because a patch takes a little of them all.

sae = SparseAutoencoder(n_components=160, sparsity=TopK(8), random_state=0).fit(X)
pca = PCA(80, random_state=0).fit(X)

parts, axes = plt.subplots(2, 1, figsize=(8, 5.8), layout="constrained")
tiles = {"image_shape": (SIDE, SIDE), "n_columns": 16, "n_components": 80, "cmap": "gray"}
ComponentsDisplay.from_estimator(sae, X, order="density", ax=axes[0], **tiles)
axes[0].set_title("Sparse autoencoder: edges")
ComponentsDisplay.from_estimator(pca, order="index", ax=axes[1], **tiles)
axes[1].set_title("Principal components: waves")

# %%
# Patches, part by part
# ---------------------
# The strongest units of a patch are added one after the other. Two of them give the main edge.


def strongest(codes, n):
    """Codes of which each row keeps its `n` largest entries."""
    kept = np.sort(codes, axis=1)[:, [-n]]
    return np.where(codes >= kept, codes, 0)


rows = X[np.argsort(-X.std(axis=1))][100:1100:100]  # of high contrast, but not the extremes
codes = sae.transform(rows)
stages = {f"{n} units" if n > 1 else "1 unit": sae.inverse_transform(strongest(codes, n)) for n in (1, 2, 4, 8)}
growing = ReconstructionDisplay.from_predictions(rows, stages, image_shape=(SIDE, SIDE), input_name="patch")

# %%
# What few parts explain
# ----------------------
# A sparse code chooses for each patch; principal components are the same for all. So a few units explain more than as
# many components:

for n in (1, 2, 4, 8):
    chosen = sae.inverse_transform(strongest(sae.transform(X), n))
    left = np.square(X - chosen).sum() / np.square(X - X.mean(axis=0)).sum()
    print(
        f"{n} units of 160: {1 - left:.2f}    {n} principal components: {pca.explained_variance_ratio_[:n].sum():.2f}"
    )

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in {"parts": parts, "patches": growing.figure_}.items():
        path = folder / f"edges_{name}.png"
        figure.savefig(path, dpi=100)
        print(f"saved {path}")
