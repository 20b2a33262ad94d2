"""
==========================
Transfer to other digits
==========================

Labels are few, and pictures without labels are not of the same kind: an autoencoder learns from scikit-learn's digits 5
to 9, and a classifier has to tell 0 from 1, 2, 3 and 4. :class:`~skl_sae.transfer.SparseTransfer` takes the fitted
autoencoder to the other digits in three ways: as it is, fine-tuned on the labelled images, or extended by units that
learn what it leaves of them.

Features of a fitted model can be worse than none. So there are rows without transfer: the pixels themselves, and
*target only*, the same autoencoder fitted on the labelled images alone. They tell when transfer pays, and when it does
harm.

Run as a script, it saves its picture in the current folder, or in the folder given as its argument.
"""

# %%
# The source
# ----------
# It sees no digit below 5. How much of these it explains all the same says how far apart the two are; mean and scale of
# the new digits help a little.

import sys
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import FunctionTransformer

from skl_sae import SparseAutoencoder
from skl_sae.sparsity import TopK
from skl_sae.transfer import SparseTransfer

LABELS, DRAWS = (15, 25, 50, 100, 250), 8
warnings.simplefilter("ignore")  # solvers that end early

X, y = load_digits(return_X_y=True)
X = X / 16
source = SparseAutoencoder(96, sparsity=TopK(24), max_iter=100, random_state=0).fit(X[y >= 5])
X, y = X[y < 5], y[y < 5]
print(f"explained variance of the other digits: {SparseTransfer(source).fit(X).source_score_:.2f}")
print(f"with their mean and scale: {SparseTransfer(source, recenter=True).fit(X).source_score_:.2f}")

# %%
# The curve
# ---------
# Labelled images are drawn eight times. The rest of the images tell the accuracy. Everything but the source learns from
# the labelled images alone, and so is the classifier's `C` chosen, by cross-validation.


def features(seed):
    """Transformer of each row."""
    learns = {"max_iter": 100, "random_state": seed}
    return {
        "pixels": FunctionTransformer(),
        "target only": clone(source).set_params(**learns),
        "frozen": SparseTransfer(source, recenter=True),
        "fine-tuned": SparseTransfer(source, "finetune", recenter=True, l2_sp=0.1, **learns),
        "extended": SparseTransfer(source, "extend", recenter=True, n_new_components=24, **learns),
    }


def accuracy(transformer, X, y, X_test, y_test):
    """Accuracy of a linear classifier in per cent."""
    codes = transformer.fit(X).transform(X)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    classifier = GridSearchCV(LogisticRegression(max_iter=300), {"C": np.logspace(-1, 2, 4)}, cv=folds)
    return 100 * classifier.fit(codes, y).score(transformer.transform(X_test), y_test)


started, curves = time.perf_counter(), {}
for n in LABELS:
    for seed in range(DRAWS):
        X_few, X_test, y_few, y_test = train_test_split(X, y, train_size=n, stratify=y, random_state=seed)
        for name, transformer in features(seed).items():
            curves.setdefault(name, {}).setdefault(n, []).append(accuracy(transformer, X_few, y_few, X_test, y_test))

print(f"\naccuracy in per cent, mean and standard deviation of {DRAWS} draws")
print(f"{'labelled images':<18}" + "".join(f"{n:>16}" for n in LABELS))
for name, found in curves.items():
    print(f"{name:<18}" + "".join(f"{np.mean(each):>9.1f} ± {np.std(each):4.1f}" for each in found.values()))
print(f"({time.perf_counter() - started:.0f} s)")

# %%
# The curve as a picture. Bars are standard errors of the mean.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
styles = {"pixels": ("0.5", ":"), "target only": ("0.5", "-"), "frozen": ("C0", "-")}
styles |= {"fine-tuned": ("C1", "-"), "extended": ("C2", "-")}
for i, (name, found) in enumerate(curves.items()):
    means, spread = (np.array([f(each) for each in found.values()]) for f in (np.mean, np.std))
    color, line = styles[name]
    x = np.array(LABELS) * 1.02 ** (i - 2)
    ax.errorbar(x, means, spread / np.sqrt(DRAWS), color=color, linestyle=line, marker="o", markersize=4, label=name)
ax.set(xscale="log", xlabel="labelled images of 0 to 4", ylabel="accuracy, %", title="A source that saw 5 to 9")
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
