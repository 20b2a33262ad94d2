"""The picture of the README: ``python docs/images/readme.py`` writes docs/images/readme.png (needs the extra `plot` and
scikit-image)."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage.data import chelsea
from sklearn.datasets import load_digits, load_sample_images
from sklearn.feature_extraction.image import PatchExtractor

from skl_sae import SparseAutoencoder
from skl_sae.image import SparseImageCoder
from skl_sae.inspection import ComponentsDisplay
from skl_sae.sparsity import L1, TopK

SIGMA = 0.1
PATH = Path(__file__).with_name("readme.png")


def draw_strokes(ax):
    X = load_digits().data / 16
    pen = SparseAutoencoder(64, sparsity=L1(target_l0=12), positive_decoder=True, weight_l1=1e-4, random_state=0).fit(X)
    looks = {"n_components": 36, "n_columns": 6, "cmap": "gray_r", "vmin": 0}
    ComponentsDisplay.from_estimator(pen, X, image_shape=(8, 8), order="density", ax=ax, **looks)
    ax.set_title("strokes of digits")


def draw_edges(ax):
    photographs = np.array([photograph.mean(axis=2) / 255 for photograph in load_sample_images().images])
    X = PatchExtractor(patch_size=(12, 12), max_patches=10_000, random_state=0).transform(photographs).reshape(-1, 144)
    X -= X.mean(axis=1, keepdims=True)
    X = X[X.std(axis=1) > 0.02].astype(np.float32)
    sae = SparseAutoencoder(160, sparsity=TopK(8), random_state=0).fit(X)
    looks = {"n_components": 36, "n_columns": 6, "cmap": "gray"}
    ComponentsDisplay.from_estimator(sae, X, image_shape=(12, 12), order="density", ax=ax, **looks)
    ax.set_title("edges of photographs")


def draw_photographs(axes):
    image = chelsea()[20:260, 100:340] / 255
    noisy = np.clip(image + SIGMA * np.random.default_rng(0).standard_normal(image.shape), 0, 1)
    denoised = np.clip(SparseImageCoder(random_state=0).fit_denoise(noisy, SIGMA), 0, 1)
    for ax, picture, title in zip(axes, (noisy, denoised), ("a noisy photograph", "the same from few parts")):
        ax.imshow(picture)
        ax.set_title(title)
        ax.axis("off")


if __name__ == "__main__":
    plt.rcParams.update({"font.size": 11, "axes.titlesize": 12})
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
    draw_strokes(axes[0])
    draw_edges(axes[1])
    draw_photographs(axes[2:])
    figure.savefig(PATH, dpi=110)
    Image.open(PATH).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(PATH, optimize=True)
    print(f"saved {PATH}, {PATH.stat().st_size / 1000:.0f} kB")
