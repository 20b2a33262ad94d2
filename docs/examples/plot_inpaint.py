"""
===================================
Letters removed from a photograph
===================================

Letters have been printed on a photograph, and half of the pixels of another picture are lost. In both, a mask tells
which pixels are missing. :class:`~skl_sae.image.SparseImageCoder` fills them in: patches of the picture are described
by a few atoms that agree with what is known, and these atoms say what is missing.

``fit_inpaint`` learns the atoms from the incomplete picture itself. There is nothing else to learn from here, and the
atoms know the picture's own textures.

Run as a script, it saves its two pictures in the current folder, or in the folder given as its argument.
"""

# %%
# A photograph with letters
# -------------------------
# The mask is ``True`` where a letter is. What stands there is not read.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

from skl_sae.image import SparseImageCoder

photograph = load_sample_image("china.jpg")[60:284, 130:450]
height, width = photograph.shape[:2]

canvas = Image.new("L", (width, height))
pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=22)
words = "a sparse code of every patch has but a few atoms and they tell what the letters hide "
for line in range(7):
    pen.text((4, 2 + 32 * line), (words * 2)[11 * line :][:32], fill=255, font=font)
letters = np.asarray(canvas) > 64
printed = np.where(letters[..., None], np.uint8(255), photograph)

# %%

coder = SparseImageCoder(stride=2, max_patches=10000, random_state=0)
filled = coder.fit_inpaint(printed, letters)


def psnr(image, truth, missing):
    """Decibels of the missing pixels."""
    error = image[missing].astype(float) - truth[missing]
    return 10 * np.log10(255**2 / np.mean(error**2))


print(f"missing: {letters.mean():.0%} of the pixels")
print(f"printed: {psnr(printed, photograph, letters):.1f} dB, filled in: {psnr(filled, photograph, letters):.1f} dB")
print(f"observed pixels as they were: {(filled[~letters] == photograph[~letters]).all()}")

letters_figure, axes = plt.subplots(1, 3, figsize=(12, 3.3), layout="constrained")
for ax, (title, image) in zip(axes, {"Printed": printed, "Filled in": filled, "The photograph": photograph}.items()):
    ax.imshow(image)
    ax.set_title(title, fontsize="medium")
    ax.axis("off")

# %%
# Half of the pixels
# ------------------
# A gray picture, of which every second pixel is lost, at random. Floating values need no mask: NaN is missing. The
# atoms that were learned stay in the coder.

gray = load_sample_image("china.jpg")[90:218, 160:288].mean(axis=2) / 255
lost = np.random.default_rng(0).random(gray.shape) < 0.5
incomplete = np.where(lost, np.nan, gray)
coder = SparseImageCoder(max_patches=10000, random_state=0)
restored = coder.fit_inpaint(incomplete)
print(f"half of the pixels lost: {psnr(255 * restored, 255 * gray, lost):.1f} dB where they were")

lost_figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
mosaic = np.pad(
    coder.coder_.components_[:64].reshape(8, 8, 8, 8), [(0, 0), (0, 0), (0, 1), (0, 1)], constant_values=np.nan
)
mosaic = mosaic.transpose(0, 2, 1, 3).reshape(72, 72)
pictures = {"Observed": incomplete, "Filled in": restored, "The picture": gray}
for ax, (title, image) in zip(axes, pictures.items()):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, fontsize="medium")
axes[3].imshow(mosaic, cmap="gray", vmin=-0.4, vmax=0.4)
axes[3].set_title("A quarter of the atoms", fontsize="medium")
for ax in axes:
    ax.axis("off")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in [("letters", letters_figure), ("lost", lost_figure)]:
        path = folder / f"inpaint_{name}.png"
        figure.savefig(path, dpi=100)
        print(f"saved {path}")
