"""Images of which pixels are missing at random: sparse codes against biharmonic inpainting and a masked pursuit.

    python benchmarks/inpainting.py [--pictures FOLDER] [--missing 0.2 0.5 0.8] [--quick]

The measure is the peak signal-to-noise ratio (PSNR) in dB, over all pixels, of values from 0 to 255. The images are
gray ones of scikit-image, the first three of them textures, and those of a folder (`--pictures`).

- "biharmonic" is `skimage.restoration.inpaint_biharmonic`.
- "masked cosines": 8 x 8 patches at every second pixel by `sparse_encode` with a mask and 256 cosines, averaged: each
  patch by its observed pixels alone.
- "cosines" is what our first iterations give, before a coder takes part.
- "other photographs": `SparseImageCoder().fit(...).inpaint(...)`, whose 256 atoms come from photographs that are not
  tested.
- "autoencoder": the same with ``SparseAutoencoder(256, max_iter=20)``.
- "the image itself": `SparseImageCoder().fit_inpaint(...)`, with all defaults.
- "12 x 12": the same with patches of 12 x 12 pixels and 384 atoms.
- "linear, informed" has seen the complete image: of each patch at every second pixel the conditional mean of what is
  missing, for the covariance of all patches of that image. It tells how much there is to gain in a texture that has no
  more structure than that.

Settings of ours were chosen on crops of brick, grass, gravel and camera, and of Barbara of the collection Set12, with
half of the pixels missing. Writes inpainting.md.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
from skimage import color, data, io
from skimage.restoration import inpaint_biharmonic
from sklearn.datasets import load_sample_images

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD, sparse_encode
from skl_sae.image import SparseImageCoder

TEXTURES, PHOTOGRAPHS = ("brick", "grass", "gravel"), ("camera", "moon")
SIDE = 8


def psnr(image, other):
    """In dB, for values from 0 to 255."""
    return 10 * np.log10(255**2 / np.mean((np.clip(other, 0, 255) - image) ** 2))


def other_photographs(quick):
    names = "astronaut", "chelsea", "coffee", "rocket"
    coloured = [getattr(data, name)() for name in names] + list(load_sample_images().images)
    images = [np.float32(color.rgb2gray(image)) for image in coloured]
    return images[:1] if quick else images


def patches_of(image):
    """Rows of the patches at every second pixel."""
    return np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))[::2, ::2].reshape(-1, SIDE**2)


def averaged(rows, shape):
    """The mean of patches at every second pixel; the last row and column have theirs if a side is even."""
    sums, counts = np.zeros(shape), np.zeros(shape)
    tops, lefts = (range(0, length - SIDE + 1, 2) for length in shape)
    for row, (a, b) in zip(rows, np.ndindex(len(tops), len(lefts)), strict=True):
        place = np.s_[2 * a : 2 * a + SIDE, 2 * b : 2 * b + SIDE]
        sums[place] += row.reshape(SIDE, SIDE)
        counts[place] += 1
    return sums / counts


def cosines_256():
    """Products of cosines, two times as many along each side as there are pixels."""
    waves = np.cos(np.pi * np.outer(np.arange(2 * SIDE), np.arange(SIDE) + 0.5) / (2 * SIDE))
    waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    return np.kron(waves, waves)


def masked_cosines(image, missing):
    observed = ~patches_of(missing)
    rows = patches_of(image)
    means = (rows * observed).sum(axis=1, keepdims=True) / np.maximum(observed.sum(axis=1, keepdims=True), 1)
    atoms = cosines_256()
    codes = sparse_encode(
        rows - means, atoms, tol=SIDE**2 * 5.0**2, n_nonzero_coefs=12, mask=observed, sparse_output=True
    )
    return np.where(missing, averaged(codes @ atoms + means, image.shape), image)


def linear_informed(image, missing):
    """The conditional mean, for the covariance of the complete image's patches."""
    rows, hidden = patches_of(image), patches_of(missing)
    mean = rows.mean()
    covariance = (rows - mean).T @ (rows - mean) / len(rows)
    found = np.empty(rows.shape)
    for lo in range(0, len(rows), 2000):
        some = slice(lo, lo + 2000)
        # a missing pixel is one with very much noise
        noise = np.where(hidden[some], 1e9, 1e-2)[:, :, None] * np.eye(SIDE**2)
        known = np.where(hidden[some], 0, rows[some] - mean)
        found[some] = np.linalg.solve(covariance + noise, known[..., None])[..., 0] @ covariance + mean
    return np.where(missing, averaged(found, image.shape), image)


def methods(options):
    """By name: a function of an image in [0, 1] in float32, with NaN where it is missing."""
    seen = other_photographs(options.quick)
    fitted = SparseImageCoder(random_state=0).fit(seen)
    network = SparseImageCoder(SparseAutoencoder(256, max_iter=20), random_state=0).fit(seen)
    large = KSVD(384, n_nonzero_coefs=12, max_iter=10, convergence_tol=0.0, dict_init="dct2")
    return {
        "cosines": lambda holes: SparseImageCoder(random_state=0)._fill_by_cosines(
            np.nan_to_num(holes)[..., None], np.isnan(holes)[..., None], (SIDE, SIDE), 0.0, 30
        )[..., 0],
        "other photographs": fitted.inpaint,
        "autoencoder": network.inpaint,
        "the image itself": lambda holes: SparseImageCoder(random_state=0).fit_inpaint(holes),
        "12 x 12": lambda holes: SparseImageCoder(large, patch_size=12, random_state=0).fit_inpaint(holes),
    }


def images_of(options):
    """The images to test, as numbers from 0 to 255."""
    images = {name: np.asarray(getattr(data, name)(), float) for name in (*TEXTURES, *PHOTOGRAPHS)}
    if options.pictures:
        images |= {path.stem: np.asarray(io.imread(path), float) for path in sorted(options.pictures.glob("*.png"))}
    return {name: image[:96, :96] for name, image in images.items()} if options.quick else images


def table(images, share, fillers):
    """PSNR by method and image; and the seconds that an image took on the mean."""
    found, seconds = {}, {}
    for name, image in images.items():
        missing = np.random.default_rng(0).random(image.shape) < share
        holes = np.where(missing, np.nan, image / 255)
        every = {
            "biharmonic": lambda holes: inpaint_biharmonic(np.nan_to_num(holes), np.isnan(holes)),
            "masked cosines": lambda holes: masked_cosines(255 * np.nan_to_num(holes), np.isnan(holes)) / 255,
            **{kind: lambda holes, fill=fill: fill(np.float32(holes)) for kind, fill in fillers.items()},
            "linear, informed": lambda holes, image=image: linear_informed(image, np.isnan(holes)) / 255,
        }
        for kind, fill in every.items():
            start = time.perf_counter()
            found.setdefault(kind, {})[name] = psnr(image, 255.0 * fill(holes))
            seconds.setdefault(kind, []).append(time.perf_counter() - start)
            print(f"{share:g} {name} {kind}: {found[kind][name]:.2f} dB, {seconds[kind][-1]:.1f} s", flush=True)
    return found, {kind: np.mean(each) for kind, each in seconds.items()}


def table_rows(found, seconds):
    """Methods as rows; images, the mean of the textures, and seconds as columns."""
    rows = []
    for kind, values in found.items():
        mean = np.mean([values[name] for name in TEXTURES])
        rows.append([kind, *(f"{value:.2f}" for value in values.values()), f"{mean:.2f}", f"{seconds[kind]:.1f}"])
    return rows


def document(tables, names):
    """The page of results."""
    parts = ["# Inpainting", *__doc__.strip().partition("\n\n")[2].partition("\n\n")[2].split("\n\n")]
    for share, (found, seconds) in tables.items():
        header = ["", *names, "mean of the textures", "seconds"]
        parts += [f"## {share:.0%} of the pixels missing", report.lines(header, table_rows(found, seconds))]
    return "\n\n".join([*parts, f"{processors.name()}, {date.today()}."])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="folder with other gray images, .png")
    parser.add_argument("--missing", type=float, nargs="+", default=[0.2, 0.5, 0.8], help="shares of the pixels")
    parser.add_argument("--quick", action="store_true", help="small images and one share; nothing is written")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    if options.quick:
        options.missing = [0.5]
    images, fillers = images_of(options), methods(options)
    tables = {share: table(images, share, fillers) for share in options.missing}
    text = document(tables, images)
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "inpainting.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
