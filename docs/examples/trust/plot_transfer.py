"""
===========================================================
Do photographs help where labelled digits are few?
===========================================================

Labelled digits are few, and photographs are at hand. An autoencoder learns from small patches of two photographs, and
:class:`~skl_sae.transfer.SparseTransfer` takes it to scikit-learn's 8 x 8 digits in three ways: as it is, fine-tuned on
the labelled digits, or extended by units that learn what it leaves of them. Then a linear classifier tells the digits.

Features of a fitted model can be worse than none. So there are rows without transfer: the pixels themselves, and
*target only*, the same autoencoder fitted on the labelled digits alone. They tell when transfer pays, and when it does
harm.

Run as a script, it saves its picture in the current folder, or in the folder given as its argument.
"""

# %%
# The source
# ----------
# It sees no digit: only patches of 16 x 16 pixels, shrunk to 8 x 8. How much of the digits it explains all the same
# says how far apart the two are. With mean and scale of the digits it is more, since these are bright strokes in the
# middle of the dark.

import sys
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, load_sample_images
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import FunctionTransformer

from skl_sae import SparseAutoencoder
from skl_sae.sparsity import TopK
from skl_sae.transfer import SparseTransfer

LABELS, DRAWS, N_PATCHES = (40, 80, 160, 320), 5, 4000
warnings.simplefilter("ignore")  # solvers that end early


def patches():
    """Patches of two photographs, gray, from 0 to 1."""
    rng, found = np.random.default_rng(0), []
    for photograph in load_sample_images().images:
        gray = photograph.mean(axis=2) / 255
        for _ in range(N_PATCHES):
            row, column = (rng.integers(size - 15) for size in gray.shape)
            patch = gray[row : row + 16, column : column + 16]
            found.append(patch.reshape(8, 2, 8, 2).mean(axis=(1, 3)).ravel())
    return np.array(found)


photographs = patches()
# eight active units of 128 while it learns; `transform` gives all that are positive
source = SparseAutoencoder(128, sparsity=TopK(8, transform_k=1.0), max_iter=20, random_state=0).fit(photographs)
X, y = load_digits(return_X_y=True)
X = X / 16
print(f"explained variance of photographs: {source.score(photographs):.2f}")
print(f"of digits: {SparseTransfer(source).fit(X).source_score_:.2f}")
print(f"of digits, with their mean and scale: {SparseTransfer(source, recenter=True).fit(X).source_score_:.2f}")

# %%
# The curve
# ---------
# Labelled digits are drawn five times. The others tell the accuracy. Everything but the source learns from the labelled
# digits alone, and so is the classifier's `C` chosen, by cross-validation.


def features(seed):
    """Transformer of each row."""
    learns = {"max_iter": 100, "random_state": seed}
    return {
        "pixels": FunctionTransformer(),
        "target only": clone(source).set_params(**learns),
        "frozen": SparseTransfer(source, recenter=True),
        "fine-tuned": SparseTransfer(source, "finetune", recenter=True, l2_sp=1e-4, **learns),
        "extended": SparseTransfer(source, "extend", recenter=True, n_new_components=32, **learns),
    }


def accuracy(transformer, X, y, X_test, y_test):
    """Accuracy of a linear classifier in per cent."""
    codes = transformer.fit(X).transform(X)
    size = np.sqrt(np.square(codes).mean())
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    classifier = GridSearchCV(LogisticRegression(), {"C": np.logspace(-2, 1, 4)}, cv=folds)
    return 100 * classifier.fit(codes / size, y).score(transformer.transform(X_test) / size, y_test)


started, curves = time.perf_counter(), {}
for n in LABELS:
    for seed in range(DRAWS):
        X_few, X_test, y_few, y_test = train_test_split(X, y, train_size=n, stratify=y, random_state=seed)
        for name, transformer in features(seed).items():
            curves.setdefault(name, {}).setdefault(n, []).append(accuracy(transformer, X_few, y_few, X_test, y_test))

print(f"\naccuracy in per cent, mean and standard deviation of {DRAWS} draws")
print(f"{'labelled digits':<18}" + "".join(f"{n:>16}" for n in LABELS))
for name, found in curves.items():
    print(f"{name:<18}" + "".join(f"{np.mean(each):>9.1f} ± {np.std(each):4.1f}" for each in found.values()))
print(f"({time.perf_counter() - started:.0f} s)")

# %%
# The curve as a picture. Bars are standard errors of the mean. With 40 labels no row is better than pixels by more than
# the noise of the draws. With more, fine-tuning is ahead. With 320, the frozen source is below *target only*: what it
# knows of photographs is worth less by then than the labelled digits themselves.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
styles = {"pixels": ("0.5", ":"), "target only": ("0.5", "-"), "frozen": ("C0", "-")}
styles |= {"fine-tuned": ("C1", "-"), "extended": ("C2", "-")}
for i, (name, found) in enumerate(curves.items()):
    means, spread = (np.array([f(each) for each in found.values()]) for f in (np.mean, np.std))
    color, line = styles[name]
    x = np.array(LABELS) * 1.02 ** (i - 2)
    ax.errorbar(x, means, spread / np.sqrt(DRAWS), color=color, linestyle=line, marker="o", markersize=4, label=name)
ax.set(xscale="log", xlabel="labelled digits", ylabel="accuracy, %", title="Digits, and a source that saw photographs")
ax.set_xticks(LABELS, LABELS)
ax.minorticks_off()
ax.legend(frameon=False)

# %%
# When this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "transfer_curve.png", dpi=100)
    print(f"saved {folder / 'transfer_curve.png'}")
