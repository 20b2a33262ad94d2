"""
===============================
Which rows are odd, and why?
===============================

An autoencoder that has seen usual rows alone expects something usual everywhere. How far a row is from what is expected
says how odd it is; where it is far says why. :class:`~skl_sae.outliers.ReconstructionOutlierDetector` puts a p-value to
the one and names of columns to the other.

The table has thirty measurements of the cell nuclei of 569 tumours. The detector learns from benign ones, without being
told what a malignant one looks like. A tenth of all values is missing.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# Learning what is usual
# ----------------------
# Two thirds of the benign rows are for the detector, and the others are new to it. Missing values need no treatment:
# they have no error.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

from skl_sae.inspection import ReconstructionDisplay
from skl_sae.outliers import ReconstructionOutlierDetector

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
benign, malignant = X[y == 1], X[y == 0]
known, new = benign[np.arange(len(benign)) % 3 > 0], benign[::3]
detector = ReconstructionOutlierDetector(calibration=0.4, random_state=0).fit(known)

# %%
# How sure is that?
# -----------------
# Two fifths of the known rows, `calibration`, were held out of the training. The p-value of a row is the share of these
# that are at least as odd. So 5 % of new benign rows have a p-value of at most 5 %: the rate of false alarms is known,
# without a malignant row. It is so on average over what is held out, and the more rows these are the closer it is in
# a single fit.

p = {"new benign": detector.p_values(new), "malignant": detector.p_values(malignant)}
for name, values in p.items():
    print(f"{name}: {100 * np.mean(values <= 0.05):.0f} % of {len(values)} rows have a p-value of at most 5 %")

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
bins = np.linspace(0, 1, 21) + 1e-9  # a p-value of exactly 5 % belongs to the first
for (name, values), color in zip(p.items(), ["tab:blue", "tab:red"], strict=True):
    ax.hist(values, bins, weights=np.full(len(values), 100 / len(values)), alpha=0.6, color=color, label=name)
ax.axhline(5, color="black", linewidth=0.8, linestyle=":")
ax.set(xlabel="p-value", ylabel="% of the rows", title="Usual rows are spread evenly, odd ones are not")
ax.legend()

# %%
# Why this one?
# -------------
# Each reason is a column: what was observed there, what was expected from the other columns, both in the column's own
# unit, and the share of the row's error. These are the reasons of the malignant rows that are least usual.

oddest = malignant.iloc[np.argsort(detector.score_samples(malignant))[:3]]
reasons = detector.explain(oddest, n_top=4)
print(reasons.round(3).to_string(index=False))

fig_reasons, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
for ax, (row, part) in zip(axes, reasons.groupby("row", sort=False), strict=True):
    part = part[::-1]
    ax.barh(part["column"], 100 * part["share"], color="tab:red", alpha=0.6)
    for i, (observed, expected) in enumerate(zip(part["observed"], part["expected"], strict=True)):
        ax.text(0.5, i, f"{observed:.4g}, not {expected:.4g}", va="center", fontsize=8)
    ax.set(title=f"row {row}", xlabel="% of the error")

# %%
# Odd images
# ----------
# The same with images: among ones, a few other digits have been slipped in. The rows with the smallest p-values are
# drawn, with what the detector expects in their place.

images, digits = load_digits(return_X_y=True)
ones = np.flatnonzero(digits == 1)
mixed = np.concatenate([ones[120:], np.flatnonzero(digits != 1)[:8]])
of_ones = ReconstructionOutlierDetector(random_state=0).fit(images[ones[:120]])
odd = mixed[np.argsort(of_ones.score_samples(images[mixed]))[:8]]
print("the oddest:", digits[odd])
expected = of_ones.estimator_.reconstruct(images[odd])
display = ReconstructionDisplay.from_predictions(
    images[odd], {"expected": expected}, input_name="observed", image_shape=(8, 8), cmap="gray_r"
)

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    fig.savefig(folder / "anomalies_p_values.png")
    fig_reasons.savefig(folder / "anomalies_reasons.png")
    display.figure_.savefig(folder / "anomalies_digits.png")
