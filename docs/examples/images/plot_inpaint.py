"""
=====================================================
Can letters printed on a photograph be removed again?
=====================================================

Letters have been printed on a photograph, and half of the pixels of another picture are lost. In both, a mask tells
which pixels are missing. :class:`~skl_sae.image.SparseImageCoder` fills them in: patches of the picture are described
by a few atoms that agree with what is known, and these atoms say what is missing.

``fit_inpaint`` learns the atoms from the incomplete picture itself. There is nothing else to learn from here, and the
atoms know the picture's own textures.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# A photograph with letters
# -------------------------
# The mask is ``True`` where a letter is. What stands there is not read.

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

from skl_sae.image import SparseImageCoder
from skl_sae.inspection import ComponentsDisplay, ReconstructionDisplay

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

letters_display = ReconstructionDisplay.from_predictions(
    printed.reshape(1, -1),
    {"filled in": filled.reshape(1, -1), "the photograph": photograph.reshape(1, -1)},
    image_shape=photograph.shape,
    input_name="printed",
    orientation="horizontal",
)

# %%
# Half of the pixels
# ------------------
# A gray picture, of which every second pixel is lost, at random (in orange). Floating values need no mask: NaN is
# missing.

gray = load_sample_image("china.jpg")[90:218, 160:288].mean(axis=2) / 255
lost = np.random.default_rng(0).random(gray.shape) < 0.5
incomplete = np.where(lost, np.nan, gray)
coder = SparseImageCoder(max_patches=10000, random_state=0)
restored = coder.fit_inpaint(incomplete)
print(f"half of the pixels lost: {psnr(255 * restored, 255 * gray, lost):.1f} dB where they were")

lost_display = ReconstructionDisplay.from_predictions(
    incomplete.reshape(1, -1),
    {"filled in": restored.reshape(1, -1), "the picture": gray.reshape(1, -1)},
    image_shape=gray.shape,
    input_name="observed",
    orientation="horizontal",
)

# %%
# The atoms that were learned from the pixels that are left stay in the coder:

atoms = ComponentsDisplay.from_estimator(
    coder.coder_, image_shape=(8, 8), order="index", n_components=64, n_columns=16, cmap="gray"
)
atoms.ax_.set_title("A quarter of the atoms")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, display in {"letters": letters_display, "lost": lost_display, "atoms": atoms}.items():
        path = folder / f"inpaint_{name}.png"
        display.figure_.savefig(path, dpi=100)
        print(f"saved {path}")
