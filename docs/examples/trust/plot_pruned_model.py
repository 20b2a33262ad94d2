"""
==============================================
How many weights of a model can be left out?
==============================================

Most weights of a trained autoencoder are small, and can go. :func:`~skl_sae.compression.prune` sets those of smallest
magnitude to zero and keeps them there; :meth:`~skl_sae.SparseAutoencoder.sparsify` then leaves them out, in memory and
in files. How much of the data is still explained depends on what happens in between: nothing, some epochs of training
of the weights that are left, or prunings in small steps with training after each.

Run as a script, it saves its two pictures in the current folder, or in the folder given as its argument.
"""

# %%
# The model
# ---------
# Scikit-learn's images of handwritten digits, 8 x 8 pixels; every fourth is kept for the test.

import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.compression import compression_report, prune, quantize
from skl_sae.inspection import ReconstructionDisplay

X = load_digits().data.astype(np.float32) / 16
test = np.arange(len(X)) % 4 == 0
X, X_test = X[~test], X[test]

sae = SparseAutoencoder(n_components=64, random_state=0).fit(X)
print(f"explained variance of new images, with all weights: {sae.score(X_test):.3f}\n")

# %%
# How many weights can go
# -----------------------
# The same share of each layer is removed: at once, at once with 40 epochs of training after it, and with the cubic
# schedule, which removes many weights in the first epochs and few in the last of them. More training helps by itself,
# so the dense model is trained as long, too: the dotted line. Where most weights are gone some units no longer fire,
# and the training says so; here that is expected.

warnings.filterwarnings("ignore", message=".* did not fire in the last epoch")
shares = [0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97]
kinds = {
    "at once": {},
    "at once, then trained": {"fine_tune_X": X, "fine_tune_epochs": 40},
    "cubic schedule": {"fine_tune_X": X, "fine_tune_epochs": 40, "schedule": "cubic"},
}
scores = {}
for name, options in kinds.items():
    scores[name] = [prune(sae, share, **options).score(X_test) for share in shares]
    values = "  ".join(f"{share:.0%}: {score:.3f}" for share, score in zip(shares, scores[name], strict=True))
    print(f"{name:22} {values}")
as_long = prune(sae, 0, fine_tune_X=X, fine_tune_epochs=40).score(X_test)
print(f"all weights, trained as long: {as_long:.3f}\n")

score_figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for name, marker in zip(scores, "os^", strict=True):
    axes.plot(shares, scores[name], marker=marker, label=name)
axes.axhline(sae.score(X_test), color="gray", linewidth=1, label="all weights")
axes.axhline(as_long, color="black", linestyle=":", label="all weights, trained as long")
axes.set(xlabel="share of the weights removed", ylabel="explained variance, new images", ylim=(0, 1))
axes.legend(loc="lower left")

# %%
# What is left
# ------------
# New images, and what the model makes of them with all of its weights, and with a tenth.

small = prune(sae, 0.9, **kinds["cubic schedule"])
made = {"all weights": sae.reconstruct(X_test[:10]), "a tenth": small.reconstruct(X_test[:10])}
images = ReconstructionDisplay.from_predictions(X_test[:10], made, image_shape=(8, 8), cmap="gray_r", vmin=0)

# %%
# What it saves
# -------------
# In memory a sparse weight of float32 takes 8 bytes, and one of 8 bits takes 5; in a file its place takes less than a
# byte. Of a model as small as this one, the file also has much else. Checks of the input take most of the time of a
# single row, so that it is hardly faster, if at all: ``single_row_faster`` tells what was measured here.

for name, model in {"sparse": small.sparsify(), "sparse, 8 bits": quantize(small, 8)}.items():
    report = compression_report(sae, model, X_test)
    print(name)
    print(report.T.to_string(float_format=lambda value: f"{value:,.3f}"), end="\n\n")

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in [("scores", score_figure), ("images", images.figure_)]:
        path = folder / f"pruned_model_{name}.png"
        figure.savefig(path, dpi=100)
        print(f"saved {path}")
