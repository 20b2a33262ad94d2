"""
==================================
Which images look like this one?
==================================

Which images of a collection show the same as a given one? :class:`~skl_sae.image.ImageRetrieval` encodes the
collection, and keeps for each unit the list of the images in which it is active. A query is compared with the images on
the lists of its own active units, by the cosine of the codes. Nobody tells it what the images show.

Here the images are the 1797 digits that scikit-learn ships: 300 of them are queries, the others the collection. Run as
a script, it saves its picture in the current folder, or in the folder given as its argument.
"""

# %%
# Codes for retrieval
# -------------------
# Neighbours in a narrow sense share many small details; images of one kind share few, and coarse ones. So the units
# learn as in k-means, where a single one is active in each image, and become prototypes. A code then has the four
# prototypes that fit best, which tells between which of them an image lies. For comparison, an autoencoder whose units
# learn in teams of four.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skl_sae import SparseAutoencoder
from skl_sae.image import ImageRetrieval
from skl_sae.metrics import mean_average_precision
from skl_sae.sparsity import TopK

X, y = load_digits(return_X_y=True)
images = X.astype(np.float32).reshape(-1, 8, 8)
database, queries, labels, true = train_test_split(images, y, test_size=300, random_state=0, stratify=y)

coders = {
    "4 units of 40, learned together": TopK(4),
    "4 units of 40, learned one by one": TopK(1, transform_k=4),
}
found = {
    name: ImageRetrieval(SparseAutoencoder(40, sparsity=rule, random_state=0)).fit(database, labels)
    for name, rule in coders.items()
}

# %%
# What they find
# --------------
# The mean average precision is 1 if for each query all images of its digit come first, and 0.1 for an order of chance.
# Beside it, the share of queries whose nearest image shows the same digit. Both are of the 300 queries, and the memory
# is that of an image in the index.


def row(name, precision, nearest, size):
    print(f"{name:<36}{precision:>8.3f}{nearest:>16.1%}{size / len(database):>12.0f}")


print(f"{'ranked by':<36}{'mAP':>8}{'nearest right':>16}{'bytes':>12}")
rows = database.reshape(len(database), -1), queries.reshape(len(queries), -1)
pixels = [mean_average_precision(rows[1], rows[0], true, labels, k=k) for k in (None, 1)]
row("pixels", *pixels, rows[0].nbytes)
for name, retrieval in found.items():
    nearest = retrieval.mean_average_precision(queries, true, k=1)
    row(name, retrieval.score(queries, true), nearest, retrieval.nbytes_)

# %%
# Prototypes put images of one kind together, and forget what tells two of a kind apart: over the whole collection they
# rank better than pixels do, but where only the nearest image counts, pixels are better.
#
# Queries and what was found
# --------------------------
# On the left a query, then what each of the four active units makes of it alone, the strongest first, and the eight
# nearest images. Red frames show another digit. The first five queries are one of each of the digits 0 to 4; the last
# three are the ones with the most errors.

retrieval = found["4 units of 40, learned one by one"]
distances, places = retrieval.kneighbors(queries, n_neighbors=8)
wrong = labels[places] != true[:, None]
shown = [*(np.flatnonzero(true == digit)[0] for digit in range(5)), *np.argsort(-wrong.sum(axis=1), kind="stable")[:3]]
codes = retrieval.coder_.transform(rows[1][shown])

figure, axes = plt.subplots(len(shown), 15, figsize=(9.5, 5.6))
figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.95, wspace=0.1, hspace=0.12)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
for ax in axes[:, [1, 6]].flat:
    ax.axis("off")
for line, number, code in zip(axes, shown, codes):
    line[0].imshow(queries[number], cmap="gray_r")
    units = np.argsort(-code)[:4]
    alone = retrieval.coder_.inverse_transform(np.eye(40, dtype=code.dtype)[units] * code[units, None])
    for ax, prototype in zip(line[2:6], alone):
        ax.imshow(prototype.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.axis("off")
    for ax, place, mistaken in zip(line[7:], places[number], wrong[number]):
        ax.imshow(database[place], cmap="gray_r")
        for spine in ax.spines.values():
            spine.set(color="C3" if mistaken else "0.8", linewidth=2.5 if mistaken else 0.8)
for column, title in [(0, "query"), (2, "active units"), (7, "nearest images")]:
    axes[0, column].set_title(title, fontsize="medium", loc="left")

# %%
# The picture, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "retrieve.png"
    figure.savefig(path, dpi=100)
    print(f"saved {path}")
