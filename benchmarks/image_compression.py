"""Quality against size of compressed images: `SparseImageCoder`, JPEG and PCA.

    python benchmarks/image_compression.py [--mnist PATH] [--kinds digits brick] [--quick]

Gray images of 8 bits, in PSNR (decibels, of all pixels together) at bits a pixel. The dictionary is learned from images
of the same kind, none of them among those compressed, and is not in the bytes: who decompresses has it. That is so for
the rows of PCA too. JPEG needs none.

**digits**: 100 test images of MNIST in one stream; 5000 training images. **faces**: 25 of scikit-image's 25 x 25 faces
in one stream; the other 75. **brick**, **grass**, **gravel**: the right half of scikit-image's textures; the left half.
**brick patches**: 1000 patches of the right half at random places, in one stream. **camera**: the cameraman, with a
dictionary from other photographs (coins, moon, a page): not its own kind.

The settings of K-SVD, and the price of a bit in the codec, were chosen on digits, brick, grass and camera.

*JPEG* is Pillow's with optimised Huffman tables, the best of all its qualities at each size. Many small images are one
JPEG, side by side, as they are or made up to multiples of eight pixels, whichever is better. *Without header* counts
what follows the start of the scan alone. *JPEG, each image alone* counts one file an image, where that
takes at most two bits a pixel.

*PCA* keeps the first principal axes of the patches, rounds all of their coefficients, and has the codec's means, tokens
and entropy coder; the number of axes and the step are the best at each size. *Axes alone* is the codec with its search
for levels, but no atoms: what the atoms add is the difference to this row. *Atoms alone*, the reverse.

Points between measured ones are interpolated, in the logarithm of the size. A cell is empty where a method has no
stream so small. Writes image_compression.md and .png.
"""

import argparse
import io
import time
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image

import processors
import report
from data import mnist_whole
from skl_sae.coding import KSVD
from skl_sae.image import SparseImageCoder
from skl_sae.image._codebook import Codebook
from skl_sae.image._codes import Codes, PartCodes
from skl_sae.image._decoding import mean_step, step_of
from skl_sae.image._encoding import Encoder

RATES = 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0
# Steps of the quantiser: half an octave apart, from coarse to fine.
STEPS = range(252, 120, -6)
QUALITIES = *range(1, 30), *range(30, 100, 3)
OURS, JPEG, PCA = "SparseImageCoder", "JPEG", "PCA"
FREE, ALONE, AXES, ATOMS = "JPEG without header", "JPEG, each image alone", "axes alone", "atoms alone"


def kind(name, options):
    """Images to learn from, images to compress, and the side of a patch."""
    from skimage import data

    rng = np.random.default_rng(0)
    if name == "digits":
        X, note = mnist_whole(options.mnist, rng)
        X = np.rint(X.reshape(-1, 28, 28) * 255 / X.max()).astype(np.uint8)
        if note:
            print(note)
        return list(X[:5000]), list(X[-10000:-9900]), 7
    if name == "faces":
        X = np.rint(255 * np.load(Path(data.__file__).parent / "lfw_subset.npy")[:100]).astype(np.uint8)
        return list(X[25:]), list(X[:25]), 5
    if name == "camera":
        return [data.coins(), data.moon(), data.page()], [data.camera()], 8
    image = getattr(data, name.split()[0])()
    left, right = image[:, :256], image[:, 256:]
    if name.endswith("patches"):
        places = rng.integers(0, (505, 249), (1000, 2))
        return [left], [right[a : a + 8, b : b + 8] for a, b in places], 8
    return [left], [right], 8


def psnr(error):
    return -10 * np.log10(max(error, 1e-12))


def mosaic(images, side):
    """All images side by side, each made up to a multiple of `side`; where they stand, and how large each is there."""
    shape = images[0].shape
    whole = [-(-size // side) * side for size in shape]
    columns = int(np.ceil(np.sqrt(len(images))))
    rows = -(-len(images) // columns)
    padded = [np.pad(image, [(0, whole[0] - shape[0]), (0, whole[1] - shape[1])], mode="edge") for image in images]
    padded += [np.zeros_like(padded[0])] * (rows * columns - len(images))
    out = np.stack(padded).reshape(rows, columns, *whole).transpose(0, 2, 1, 3)
    return out.reshape(rows * whole[0], -1), (rows, columns, *whole)


def jpeg(image, quality):
    """Bytes, of these the header, and the image as it comes back."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)
    data = file.getvalue()
    scan = data.index(b"\xff\xda")
    header = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    return len(data), header, np.asarray(Image.open(io.BytesIO(data)))


def jpeg_curves(images):
    """Points (bytes, error) of JPEG: with header, without, and of one file an image."""
    points = {JPEG: [], FREE: [], ALONE: []}
    original = np.stack(images).astype(float)
    for side in (1, 8) if len(images) > 1 else (1,):
        together, (rows, columns, height, width) = mosaic(images, side)
        for quality in QUALITIES:
            size, header, out = jpeg(together, quality)
            cells = out.reshape(rows, height, columns, width).transpose(0, 2, 1, 3).reshape(-1, height, width)
            cells = cells[: len(images), : original.shape[1], : original.shape[2]]
            error = np.mean((cells - original) ** 2) / 255**2
            points[JPEG].append((size, error))
            points[FREE].append((size - header, error))
    for quality in QUALITIES if len(images) > 1 else ():
        found = [jpeg(image, quality) for image in images]
        error = np.mean((np.stack([out for *_, out in found]) - original) ** 2) / 255**2
        points[ALONE].append((sum(size for size, *_ in found), error))
    return {name: curve for name, curve in points.items() if curve}


def our_curves(images, codebook):
    """Points of the codec, and of its parts."""
    encoder, points = Encoder(images, codebook), {OURS: [], AXES: [], ATOMS: []}
    for index in STEPS:
        found = encoder.candidates(index)
        for key, (data, error) in zip((ATOMS, AXES, OURS), (*found[:2], encoder.best(found, index)), strict=True):
            points[key].append((len(data), error))
    return points


def pca_curve(images, axes, patch):
    """Points of rounded coefficients of the first axes, for all numbers of axes and all steps."""
    points = []
    for n in np.unique(np.geomspace(1, len(axes), 10).astype(int)):
        codebook = Codebook(axes[:n], axes[:0], patch)
        encoder = Encoder(images, codebook)
        for index in STEPS:
            step, levels, means = step_of(index), [], []
            for rows, mean in encoder._bands():
                levels.append(np.rint(rows @ codebook.parts[0].atoms.T / step).astype(np.int64))
                means.append(np.rint(mean / mean_step(step, patch)).astype(np.int64))
            means = np.concatenate(means)
            grid = encoder.header.n_images * encoder.header.grid[0], encoder.header.grid[1]
            parts = [PartCodes.of(np.concatenate(levels)), PartCodes.joined([])]
            codes = Codes(means.reshape(*grid, -1), np.zeros(len(means), bool), parts)
            header = encoder.header.__class__(**{**vars(encoder.header), "step": index})
            points.append((len(encoder._stream(header, codes)), encoder._error(header, codes)))
    return points


def measure(name, options):
    """PSNR at the rates, of all methods; the number of pixels, and what a header takes."""
    train, test, side = kind(name, options)
    if options.quick:
        train, test = train[:1000], test[:25]
    start = time.perf_counter()
    n_atoms, n_nonzero, n_iter = options.atoms, options.nonzero, 3 if options.quick else 20
    coder = KSVD(n_atoms, n_nonzero_coefs=n_nonzero, max_iter=n_iter, convergence_tol=0)
    coder = SparseImageCoder(coder, patch_size=side, max_patches=20000, random_state=0).fit(train)
    print(f"{name}: dictionary in {time.perf_counter() - start:.0f} s", flush=True)
    codebook, n_pixels = coder._codebook, sum(image.size for image in test)
    axes = codebook.parts[1].atoms
    ours = our_curves(test, codebook)
    curves = {OURS: ours.pop(OURS), **jpeg_curves(test), PCA: pca_curve(test, axes, codebook.patch), **ours}
    data = coder.compress(test, psnr=30)
    again = coder.decompress(data)
    assert all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip(again, test, strict=True))
    error = np.mean((np.stack(again) / 255.0 - np.stack(test) / 255.0) ** 2)
    print(f"{name}: {len(data)} bytes at psnr=30 give {psnr(error):.2f} ({time.perf_counter() - start:.0f} s)")
    return {key: at_rates(points, n_pixels) for key, points in curves.items()}


def at_rates(points, n_pixels):
    """PSNR at the rates: the best of all points of at most so many bytes, interpolated."""
    points = np.array(sorted(points))
    quality = np.maximum.accumulate([psnr(error) for error in points[:, 1]])
    better = np.r_[True, np.diff(quality) > 0]
    rates = 8 * points[better, 0] / n_pixels
    return np.interp(np.log(RATES), np.log(rates), quality[better], left=np.nan, right=np.nan)


def document(found, options):
    """The page of results."""
    parts = ["# Compressed images", *__doc__.strip().split("\n\n")[2:]]
    for name, curves in found.items():
        shown = {key: curve for key, curve in curves.items() if not np.isnan(curve).all()}
        rows = [[key, *("" if np.isnan(x) else f"{x:.2f}" for x in curve)] for key, curve in shown.items()]
        parts += [f"## {name}", report.lines(["bits a pixel", *map(str, RATES)], rows)]
    told = f"{options.atoms} atoms by K-SVD with {options.nonzero} entries a patch, 20 iterations, random_state=0."
    return "\n\n".join(
        [*parts, "![image_compression.png](image_compression.png)", told, f"{processors.name()}, {date.today()}."]
    )


def draw(found, path):
    """A panel a kind of images."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, -(-len(found) // 2), figsize=(12, 6.5), layout="constrained", squeeze=False)
    for ax, (name, curves) in zip(axes.flat, found.items(), strict=False):
        for key, style in {OURS: "C0o-", FREE: "C1v-", JPEG: "C1v:", PCA: "C2s-", AXES: "0.6"}.items():
            ax.plot(RATES, curves[key], style, ms=4, label=key)
        ax.set(xscale="log", title=name, xlabel="bits a pixel", ylabel="PSNR, dB")
    for ax in axes.flat[len(found) :]:
        ax.axis("off")
    axes.flat[0].legend(frameon=False, fontsize=8)
    fig.savefig(path, dpi=100)


def main():
    names = ["digits", "faces", "brick", "grass", "gravel", "brick patches", "camera"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mnist", help="file with X of shape (70000, 784)")
    parser.add_argument("--kinds", nargs="+", default=names, choices=names)
    parser.add_argument("--atoms", type=int, default=256)
    parser.add_argument("--nonzero", type=int, default=4, help="entries of a code in K-SVD")
    parser.add_argument("--quick", action="store_true", help="fewer images and iterations; nothing is written")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    found = {name: measure(name, options) for name in options.kinds}
    text = document(found, options)
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "image_compression.md").write_text(text + "\n", encoding="utf-8")
        draw(found, options.out / "image_compression.png")


if __name__ == "__main__":
    main()
