"""
==========================
A photograph without noise
==========================

A patch of a photograph, eight by eight pixels, is a sum of few atoms of the right dictionary; a patch of noise is not.
So what a few atoms explain is the photograph, and what they leave is the noise.

:class:`~skl_sae.image.SparseImageCoder` learns the dictionary from the noisy image itself, by K-SVD, finds for each
patch as few atoms as leave no more than the noise, and averages the patches where they overlap (Elad & Aharon 2006).
Here it meets three methods of scikit-image. All are told how strong the noise is.

Run as a script, it saves its two pictures in the current folder, or in the folder given as its argument.
"""

# %%
# The noise
# ---------
# A part of a photograph with values from 0 to 1, and normal noise with a standard deviation of a tenth of that. The
# quality is the peak signal-to-noise ratio (PSNR).

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, restoration

from skl_sae.image import SparseImageCoder

SIGMA = 0.1

image = data.camera()[40:296, 120:376].astype(np.float32) / 255
noisy = image + SIGMA * np.random.default_rng(0).standard_normal(image.shape).astype(np.float32)


def psnr(other):
    """In dB, for a peak of 1."""
    return -10 * np.log10(np.mean((other - image) ** 2))


# %%
# The methods
# -----------
# One call learns from the noisy image and denoises it. Settings of the others are good ones for this photograph.

coder = SparseImageCoder(random_state=0)
results = {
    "noisy": noisy,
    "K-SVD": coder.fit_denoise(noisy, SIGMA),
    "non-local means": restoration.denoise_nl_means(noisy, h=0.6 * SIGMA, sigma=SIGMA, patch_size=5, patch_distance=6),
    "total variation": restoration.denoise_tv_chambolle(noisy, weight=0.8 * SIGMA),
    "wavelets": restoration.denoise_wavelet(noisy, sigma=SIGMA, method="BayesShrink", rescale_sigma=True),
}
for name, result in results.items():
    print(f"{name:<18}{psnr(result):.2f} dB")

# %%
# Without `sigma` it is estimated, from the finest wavelet coefficients:

print(f"{'sigma unknown':<18}{psnr(coder.fit_denoise(noisy)):.2f} dB")

# %%
# A part of the pictures, twice as large:

part = slice(30, 158), slice(20, 148)
picture, axes = plt.subplots(2, 3, figsize=(9, 6.6), layout="constrained")
for ax, (name, result) in zip(axes.flat, {"original": image, **results}.items()):
    ax.imshow(result[part], cmap="gray", vmin=0, vmax=1)
    ax.set_title(name if result is image else f"{name}, {psnr(result):.2f} dB", fontsize="medium")
    ax.axis("off")

# %%
# The dictionary
# --------------
# It began with cosines. Atoms that the image needs have become edges and lines; the others have stayed, or were
# replaced by patches that were badly explained. Here are those that most patches use.

patches = np.lib.stride_tricks.sliding_window_view(noisy, (8, 8))[::2, ::2].reshape(-1, 64)
codes = coder.coder_.transform(patches - patches.mean(axis=1, keepdims=True))
order = np.argsort(-(codes != 0).sum(axis=0))
print(f"\natoms of a patch: {(codes != 0).sum(axis=1).mean():.2f} on average")

atoms, axes = plt.subplots(5, 12, figsize=(9, 3.9), layout="constrained")
for ax, k in zip(axes.flat, order):
    atom = coder.coder_.components_[k].reshape(8, 8)
    ax.imshow(atom, cmap="gray", vmin=-abs(atom).max(), vmax=abs(atom).max())
    ax.axis("off")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in [("pictures", picture), ("atoms", atoms)]:
        path = folder / f"denoise_{name}.png"
        figure.savefig(path, dpi=100)
        print(f"saved {path}")
