"""Images with white noise: K-SVD against its published figures and against scikit-image, and an autoencoder.

    python benchmarks/denoising.py [--pictures FOLDER] [--sigmas 10 20 25 50] [--draws 1] [--quick]

Values are from 0 to 255, the noise is normal and is not clipped, and the measure is the peak signal-to-noise ratio
(PSNR) in dB for a peak of 255. All methods are told the standard deviation of the noise.

Published: "K-SVD" is `SparseImageCoder().fit_denoise`, with the settings of M. Elad and M. Aharon (IEEE Transactions on
Image Processing 15(12), 2006, table I): 256 atoms of 8x8 that begin with cosines, learned in 10 iterations from the
noisy image, patches at every pixel, orthogonal matching pursuit up to an error of 1.15 sigma, and a weight of the noisy
image of 30 / sigma. Theirs are means of five draws, quoted without the paper at hand. `--pictures` is a folder with
lena, barbara, boat (512x512), house and peppers (256x256) as .png, as they are or by their numbers in the collection
Set12; they are not free, so they are not here, and without them this table is left out.

Peers: scikit-image's bundled gray images. Each peer has, for each sigma, the setting of a small grid with the best mean
over these very images, which favours the peers; K-SVD has the settings above for all.

Autoencoder: fitted on other photographs and on the left halves of the images, tested on the right halves. "Photographs
only" has seen no part of the images. Both see patches with noise of sigma and are compared with the patches as they
were. They take patches at every second pixel. The number of units and of epochs was chosen on these images at a sigma
of 25. Writes denoising.md.
"""

import argparse
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from skimage import color, data, io, restoration
from sklearn.datasets import load_sample_images

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae.image import SparseImageCoder

PUBLISHED = {
    10: {"lena": 35.47, "barbara": 34.42, "boat": 33.64, "house": 35.98, "peppers": 34.28},
    15: {"lena": 33.70, "barbara": 32.37, "boat": 31.73, "house": 34.32, "peppers": 32.22},
    20: {"lena": 32.38, "barbara": 30.83, "boat": 30.36, "house": 33.20, "peppers": 30.82},
    25: {"lena": 31.32, "barbara": 29.60, "boat": 29.28, "house": 32.15, "peppers": 29.73},
    50: {"lena": 27.79, "barbara": 25.47, "boat": 25.95, "house": 27.95, "peppers": 26.13},
}
SET12 = {"house": "02", "peppers": "03", "lena": "08", "barbara": "09", "boat": "10"}
BUNDLED = "camera", "moon", "text", "brick", "grass", "gravel", "page"
# Of the autoencoders.
UNITS, EPOCHS, PATCHES = 1024, 20, 250000
KSVD, NETWORK, PHOTOGRAPHS = "K-SVD", "autoencoder", "autoencoder, photographs only"


def nl_means(noisy, sigma, h, size, distance):
    options = {"patch_size": size, "patch_distance": distance, "fast_mode": True}
    return restoration.denoise_nl_means(noisy, h=h * sigma, sigma=sigma, **options)


def total_variation(noisy, sigma, weight):
    return restoration.denoise_tv_chambolle(noisy, weight=weight * sigma)


def wavelets(noisy, sigma, method, wavelet, factor):
    return restoration.denoise_wavelet(noisy, sigma=factor * sigma, method=method, wavelet=wavelet, rescale_sigma=True)


# The settings that are tried.
PEERS = {
    "non-local means": (
        nl_means,
        [*((h, size, 6) for size in (5, 7) for h in (0.6, 0.7, 0.8)), (0.6, 5, 11), (0.8, 5, 11)],
    ),
    "total variation": (total_variation, [(w,) for w in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)]),
    "wavelets": (
        wavelets,
        [
            *(("BayesShrink", wavelet, factor) for wavelet in ("db2", "sym8") for factor in (0.85, 1.0, 1.15)),
            *(("VisuShrink", wavelet, factor) for wavelet in ("db2", "sym8") for factor in (0.3, 0.4, 0.5)),
        ],
    ),
}


def psnr(image, other):
    """In dB, for values from 0 to 255."""
    return 10 * np.log10(255**2 / np.mean((np.asarray(other, float) - image) ** 2))


def add_noise(image, sigma, draw=0):
    return image + sigma * np.random.default_rng(draw).standard_normal(image.shape)


def adaptive():
    """K-SVD on the noisy image itself."""
    return SparseImageCoder(random_state=0)


def denoised(noisy, sigma):
    """By `adaptive`; also the seconds of learning and of denoising."""
    noisy = np.float32(noisy)
    start = time.perf_counter()
    coder = adaptive().fit(noisy, sigma=sigma)
    middle = time.perf_counter()
    out = coder.denoise(noisy, sigma)
    return out, middle - start, time.perf_counter() - middle


def published_rows(options):
    """Rows of the table of what is published: image, noise, noisy, ours, published, seconds."""
    rows = []
    for name, number in SET12.items():
        paths = [options.pictures / f"{stem}.png" for stem in (name, number)]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            print(f"{name}: no {paths[0]} or {paths[1].name}", flush=True)
            continue
        image = np.asarray(io.imread(path), float)
        for sigma in options.sigmas:
            found = []
            for draw in range(options.draws):
                noisy = add_noise(image, sigma, draw)
                out, *seconds = denoised(noisy, sigma)
                found.append([psnr(image, noisy), psnr(image, out), *seconds])
            noisy, ours, learning, denoising = np.mean(found, axis=0)
            theirs = PUBLISHED.get(sigma, {}).get(name, np.nan)
            cells = [f"{ours:.2f}", f"{theirs:.2f}", f"{ours - theirs:+.2f}", f"{learning:.1f}", f"{denoising:.1f}"]
            rows.append([name, f"{sigma:g}", f"{noisy:.2f}", *cells])
            print(*rows[-1], flush=True)
    return rows


def bundled(options):
    """scikit-image's gray images."""
    images = {name: np.asarray(getattr(data, name)(), float) for name in BUNDLED}
    return {name: image[:128, :128] for name, image in images.items()} if options.quick else images


def peers_table(images, sigma):
    """PSNR of all methods on all images, and the settings that were best on the mean."""
    noisy = {name: add_noise(image, sigma) for name, image in images.items()}
    found = {"noisy": {name: psnr(images[name], noisy[name]) for name in images}}
    found[KSVD] = {name: psnr(images[name], denoised(noisy[name], sigma)[0]) for name in images}
    chosen = {}
    for peer, (denoise, settings) in PEERS.items():
        every = [
            {name: psnr(images[name], 255 * denoise(noisy[name] / 255, sigma / 255, *setting)) for name in images}
            for setting in settings
        ]
        best = int(np.argmax([np.mean(list(each.values())) for each in every]))
        found[peer], chosen[peer] = every[best], settings[best]
        print(sigma, peer, settings[best], f"{np.mean(list(every[best].values())):.2f}", flush=True)
    return found, chosen


def photographs():
    """Other images than those of the test, gray, from 0 to 255."""
    names = "astronaut", "chelsea", "coffee", "rocket"
    coloured = [getattr(data, name)() for name in names] + list(load_sample_images().images)
    return [255 * color.rgb2gray(image) for image in coloured] + [
        np.asarray(each(), float) for each in (data.coins, data.clock)
    ]


def network(images, sigma, quick):
    """An autoencoder fitted on clean images."""
    sae = SparseAutoencoder(
        128 if quick else UNITS, sparsity=None, max_iter=3 if quick else EPOCHS, learning_rate="cosine", random_state=0
    )
    coder = SparseImageCoder(sae, noise=sigma, stride=2, max_patches=10000 if quick else PATCHES, random_state=0)
    return coder.fit([np.float32(image) for image in images])


def network_table(images, sigma, options):
    """PSNR on the right halves of K-SVD and of autoencoders, and the seconds that an image took."""
    halves = {name: np.hsplit(image[:, : image.shape[1] // 2 * 2], 2) for name, image in images.items()}
    left, right = ({name: half[side] for name, half in halves.items()} for side in range(2))
    coders = {
        NETWORK: network([*photographs(), *left.values()], sigma, options.quick),
        PHOTOGRAPHS: network(photographs(), sigma, options.quick),
    }
    found, seconds = {name: {} for name in (KSVD, *coders)}, {name: [] for name in (KSVD, "dictionary known", *coders)}
    for name, image in right.items():
        noisy = add_noise(image, sigma)
        out, learning, denoising = denoised(noisy, sigma)
        found[KSVD][name] = psnr(image, out)
        seconds[KSVD].append(learning + denoising)
        seconds["dictionary known"].append(denoising)
        for kind, coder in coders.items():
            start = time.perf_counter()
            out = coder.denoise(np.float32(noisy), sigma)
            seconds[kind].append(time.perf_counter() - start)
            found[kind][name] = psnr(image, out)
    print(sigma, {kind: f"{np.mean(list(each.values())):.2f}" for kind, each in found.items()}, flush=True)
    return found, {kind: sum(each) for kind, each in seconds.items()}


def table_of(found):
    """Methods as rows, images and their mean as columns."""
    rows = []
    for method, values in found.items():
        rows.append([method, *(f"{value:.2f}" for value in values.values()), f"{np.mean(list(values.values())):.2f}"])
    return report.lines(["", *BUNDLED, "mean"], rows)


def document(rows, peers, networks, options):
    """The page of results."""
    parts = ["# Denoising", *__doc__.strip().partition("\n\n")[2].partition("\n\n")[2].split("\n\n")]
    if rows:
        header = ["image", "sigma", "noisy", "K-SVD", "published", "difference", "seconds to learn", "to denoise"]
        parts += ["## Published figures", f"Means of {options.draws} draws.", report.lines(header, rows)]
    for sigma, (found, chosen) in peers.items():
        told = "; ".join(f"{peer}: {', '.join(map(str, setting))}" for peer, setting in chosen.items())
        parts += [f"## scikit-image's images, sigma {sigma:g}", table_of(found), f"Chosen settings: {told}."]
    for sigma, (found, seconds) in networks.items():
        told = ", ".join(f"{kind} {each:.2f} s" for kind, each in seconds.items())
        parts += [f"## Autoencoder, right halves, sigma {sigma:g}", table_of(found), f"All seven halves: {told}."]
    return "\n\n".join([*parts, f"{processors.name()}, {date.today()}."])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="folder with the images of the published table")
    parser.add_argument("--sigmas", type=float, nargs="+", default=[10, 20, 25, 50])
    parser.add_argument("--draws", type=int, default=1, help="of the noise, for the published table")
    parser.add_argument("--quick", action="store_true", help="small images and one sigma; nothing is written")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    if options.quick:
        options.sigmas = [25]
    warnings.simplefilter("ignore", UserWarning)  # of wavelets, about small images
    images = bundled(options)
    rows = published_rows(options) if options.pictures else []
    networks = {sigma: network_table(images, sigma, options) for sigma in options.sigmas}
    peers = {sigma: peers_table(images, sigma) for sigma in options.sigmas}
    text = document(rows, peers, networks, options)
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "denoising.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
