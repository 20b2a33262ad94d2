"""
======================================================
How does a sparse code remove noise from a photograph?
======================================================

A patch of a photograph, eight by eight pixels, is a sum of few atoms of the right dictionary; a patch of noise is not.
So what a few atoms explain is the photograph, and what they leave is the noise.

:class:`~skl_sae.image.SparseImageCoder` learns the dictionary from the noisy image itself, by K-SVD, finds for each
patch as few atoms as leave no more than the noise, and averages the patches where they overlap (Elad & Aharon 2006).
Here it meets three methods of scikit-image. All are told how strong the noise is.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# The noise
# ---------
# A part of a photograph with values from 0 to 1, and normal noise with a standard deviation of a tenth of that. The
# quality is the peak signal-to-noise ratio (PSNR).

import sys
from pathlib import Path

import numpy as np
from skimage import data, restoration

from skl_sae.image import SparseImageCoder
from skl_sae.inspection import ComponentsDisplay, ReconstructionDisplay

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
# A part of the pictures. First what was given and what came out, beside what nobody has seen:

part = slice(30, 158), slice(20, 148)
named = {f"{name}, {psnr(result):.2f} dB": result for name, result in results.items()} | {"the photograph": image}
noisy_name, ours, *of_others, truth = named
rows = {name: result[part].reshape(1, -1) for name, result in named.items()}
looks = {"image_shape": (128, 128), "orientation": "horizontal", "vmin": 0, "vmax": 1}
picture = ReconstructionDisplay.from_predictions(
    rows[noisy_name], {name: rows[name] for name in (ours, truth)}, input_name=noisy_name, **looks
)

# %%
# And the other methods:

others = ReconstructionDisplay.from_predictions(
    rows[ours], {name: rows[name] for name in of_others}, input_name=ours, **looks
)

# %%
# The dictionary
# --------------
# It began with cosines. Atoms that the image needs have become edges and lines; the others have stayed, or were
# replaced by patches that were badly explained. Here are those that most patches use.

patches = np.lib.stride_tricks.sliding_window_view(noisy, (8, 8))[::2, ::2].reshape(-1, 64)
codes = coder.coder_.transform(patches - patches.mean(axis=1, keepdims=True))
order = np.argsort(-(codes != 0).sum(axis=0))
print(f"\natoms of a patch: {(codes != 0).sum(axis=1).mean():.2f} on average")

most_used = coder.coder_.components_[order[:64]]
atoms = ComponentsDisplay(components=most_used, image_shape=(8, 8), name="The atoms that most patches use")
atoms.plot(n_columns=16, cmap="gray")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, display in {"pictures": picture, "others": others, "atoms": atoms}.items():
        path = folder / f"denoise_{name}.png"
        display.figure_.savefig(path, dpi=100)
        print(f"saved {path}")
