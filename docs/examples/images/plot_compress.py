"""
==================================================
Do learned atoms need fewer bytes than JPEG does?
==================================================

JPEG describes every image by the same cosines. :class:`~skl_sae.image.SparseImageCoder` describes an image by atoms
learned from images of its kind. Here the left half of a brick wall is learned from, and the right half is compressed,
to as many bytes as JPEG takes.

The dictionary is not in these bytes: whoever decompresses needs the fitted coder. So this pays where many images of a
kind are kept, and the coder once.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# Learning
# --------
# Atoms of 8 x 8 pixels by K-SVD.

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import brick
from sklearn.datasets import load_digits

from skl_sae.coding import KSVD
from skl_sae.image import SparseImageCoder
from skl_sae.inspection import ComponentsDisplay, ReconstructionDisplay

wall = brick()
left, right = wall[:, :256], wall[:, 256:]
ksvd = KSVD(256, n_nonzero_coefs=4, max_iter=8)
coder = SparseImageCoder(ksvd, max_patches=10_000, random_state=0).fit(left)

# %%
# Equal bytes
# -----------
# Pillow's JPEG at several qualities, with the best Huffman tables. Its header counts, 170 to 200 bytes. `max_bytes`
# asks for the best image of at most that size.


def psnr(image):
    return 10 * np.log10(255**2 / np.mean((image.astype(float) - right) ** 2))


def jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()


found = {}
print(f"{'':<12}{'bits a pixel':>14}{'JPEG':>12}{'learned':>12}")
for quality in (5, 10, 25, 50):
    data = jpeg(right, quality)
    ours = coder.compress(right, max_bytes=len(data))
    found[quality] = (data, np.asarray(Image.open(io.BytesIO(data)))), (ours, coder.decompress(ours))
    values = [psnr(image) for _, image in found[quality]]
    print(f"{len(data):>6} bytes{8 * len(data) / right.size:>14.2f}{values[0]:>9.1f} dB{values[1]:>9.1f} dB")

# %%
# At the smallest size, with a part of the wall enlarged:

(data, theirs), (ours, learned) = found[5]
shown = {
    f"JPEG: {len(data)} bytes, {psnr(theirs):.1f} dB": theirs,
    f"learned: {len(ours)} bytes, {psnr(learned):.1f} dB": learned,
}
part = slice(200, 360), slice(60, 220)
display = ReconstructionDisplay.from_predictions(
    right[part].reshape(1, -1),
    {name: image[part].reshape(1, -1) for name, image in shown.items()},
    image_shape=(160, 160),
    input_name="original",
    orientation="horizontal",
)

# %%
# What describes the wall: the atoms that most of its patches use. They show its joints, and the grain of its bricks.

patches = np.lib.stride_tricks.sliding_window_view(left / 255, (8, 8))[::4, ::4].reshape(-1, 64)
patches = patches - patches.mean(axis=1, keepdims=True)
tiles = {"image_shape": (8, 8), "n_components": 64, "n_columns": 16, "cmap": "gray"}
atoms = ComponentsDisplay.from_estimator(coder.coder_, patches, order="density", **tiles)
atoms.ax_.set_title("Atoms of a brick wall")

# %%
# Many small images
# -----------------
# A list of images becomes one stream, and a list again. Of 8 x 8 pixels a digit, most of a JPEG file would be its
# header, so the JPEG here is one image with all digits side by side.

digits = [np.uint8(15 * image) for image in load_digits().images]
train, test = digits[:1397], digits[1397:]
images = SparseImageCoder(KSVD(128, n_nonzero_coefs=4, max_iter=20), random_state=0).fit(train)
sheet = np.stack(test).reshape(20, 20, 8, 8).transpose(0, 2, 1, 3).reshape(160, 160)
for quality in (20, 60):
    data = jpeg(sheet, quality)
    again = np.asarray(Image.open(io.BytesIO(data)))
    aim = 10 * np.log10(255**2 / np.mean((again.astype(float) - sheet) ** 2))
    ours = images.compress(test, psnr=aim)
    print(f"{len(test)} digits with {aim:.1f} dB: {len(data)} bytes by JPEG, {len(ours)} learned")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in {"brick": display, "atoms": atoms}.items():
        path = folder / f"compress_{name}.png"
        picture.figure_.savefig(path, dpi=100)
        print(f"saved {path}")
