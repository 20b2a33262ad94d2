"""
====================================================
What if a table has missing values and wrong ones?
====================================================

Tables from real life have holes, and cells that somebody mistyped. Here is one where both are known: measurements of
569 tumours (scikit-learn's breast cancer table). A tenth of the cells is missing, and one cell in two hundred is wrong:
the decimal point has slipped, or the value is that of another patient. The latter is hard to see, because it lies well
within the range of its column. What gives it away are the other columns of the row.

Run as a script, it saves its picture in the current folder, or in the folder given as its argument.
"""

# %%
# The table
# ---------
# Columns have units of their own: an area of a thousand stands beside a smoothness of a tenth.

import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.metrics import roc_auc_score

from skl_sae import SparseAutoencoder, SparseAutoencoderImputer
from skl_sae.inspection import ReconstructionDisplay

truth, names = (load_breast_cancer()[key] for key in ("data", "feature_names"))
n_rows, n_columns = truth.shape
rng = np.random.default_rng(0)
draw, slips = rng.random(truth.shape), rng.random(truth.shape) < 0.5
missing, wrong = draw < 0.1, draw > 0.995
of_another = truth[rng.integers(n_rows, size=truth.shape), np.arange(n_columns)]
table = np.where(wrong, np.where(slips, 10 * truth, of_another), truth)
table[missing] = np.nan
print(f"{missing.sum()} cells are missing; {(wrong & slips).sum()} slipped points, {(wrong & ~slips).sum()} swaps\n")

# %%
# The imputer
# -----------
# ``scale="features"`` measures each column in a unit of its own that a few wild values do not move, so no scaler is
# needed in front. What fits the table is a denoising autoencoder with a linear path past the code (`skip`).

sae = SparseAutoencoder(
    64,
    hidden_layer_sizes=(128,),
    sparsity=None,
    skip=True,
    scale="features",
    corruption="masking",
    corruption_level=0.2,
    corruption_emphasis=0.95,
    weight_decay=5e-5,
    batch_size=32,
)
imputer = SparseAutoencoderImputer(sae, standardize=False, random_state=0)

# %%
# What a wrong cell looks like
# ----------------------------
# Hide a column, let the imputer fill it from the other ones, and compare. Where a cell is right the two differ little.
# The difference is measured by the upper quartile of its column. A wrong cell also misleads what is said about the rest
# of its row, so this is done twice, the second time without the oddest cells.


def from_the_others(imputer, table):
    """What the other columns of its row say about each cell."""
    said = np.empty_like(table)
    for j in range(n_columns):
        hidden = table.copy()
        hidden[:, j] = np.nan
        said[:, j] = imputer.transform(hidden)[:, j]
    return said


cleaned = table
for _ in range(2):
    said = from_the_others(imputer.fit(cleaned), cleaned)
    difference = np.abs(table - said)
    oddity = np.nan_to_num(difference / np.nanquantile(difference, 0.75, axis=0))
    cleaned = np.where(oddity > 6, np.nan, table)
print(f"{(oddity > 6).sum()} odd cells, of which {(wrong & (oddity > 6)).sum()} are wrong\n")

low, middle, high = np.nanquantile(table, [0.25, 0.5, 0.75], axis=0)
alone = np.nan_to_num(np.abs(table - middle) / (high - low))  # looks at one column only


def recognised(score, kind):
    """The chance that a wrong cell of a kind looks odder than a right one."""
    right = ~(missing | wrong)
    return roc_auc_score((wrong & kind)[right | (wrong & kind)], score[right | (wrong & kind)])


print(f"{'odder than a right cell:':<30}{'slipped points':>16}{'swaps':>8}")
for name, score in {"far from the column's middle": alone, "far from what others say": oddity}.items():
    print(f"{name:<30}{recognised(score, slips):>16.0%}{recognised(score, ~slips):>8.0%}")

# %%
# Columns that no other one predicts keep their secrets, so not every swap is seen. Here are three that are (in a
# frame). Gray is the row, each column in its own unit, with missing cells as bands; blue is what the other columns say.

swapped = wrong & ~slips & ~(wrong & slips).any(axis=1, keepdims=True)
rows = np.argsort(-np.where(swapped, oddity, 0).max(axis=1))[:3]
unit = 0.74 * (high - low)  # the standard deviation, were the column normal
_, ax = plt.subplots(figsize=(9, 5.5))
display = ReconstructionDisplay.from_predictions(
    (table[rows] - middle) / unit,
    {"what the other columns say": (said[rows] - middle) / unit},
    input_name="row",
    ax=ax,
)
for ax, row in zip(display.axes_, rows):
    for j in np.flatnonzero(wrong[row]):
        ax.axvspan(j - 0.5, j + 0.5, fill=False, edgecolor="tab:red", linewidth=1.5)
        ax.set_title(
            f"row {row}: {names[j]} is {table[row, j]:.4g}, was {truth[row, j]:.4g}", fontsize="small", loc="left"
        )
display.axes_[-1].set_xlabel("column")

# %%
# Filled in
# ---------
# Wrong cells harm twice: imputers learn from them, and read them in the rows that they fill. So what is odd is declared
# missing before all is filled in. The error is in standard deviations of each column, over the cells that were missing.
# With wrong cells in the table the autoencoder is off the least. In the cleaned one linear regressions are a little
# better: the columns of this table predict each other linearly.

warnings.simplefilter("ignore", ConvergenceWarning)  # IterativeImputer ends after ten rounds
imputers = {
    "column means": SimpleImputer(),
    "nearest rows": KNNImputer(),
    "linear, one by one": IterativeImputer(),
    "autoencoder": imputer,
}
print(f"\n{'filled in by':<20}{'as it is':>12}{'odd cells out':>16}")
for name, each in imputers.items():
    errors = [
        np.sqrt(np.mean(((each.fit_transform(data) - truth) / truth.std(axis=0))[missing] ** 2))
        for data in (table, cleaned)
    ]
    print(f"{name:<20}{errors[0]:>12.2f}{errors[1]:>16.2f}")

# %%
# The picture, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    display.figure_.savefig(folder / "table_rows.png", dpi=100)
    print(f"saved {folder / 'table_rows.png'}")
