"""
===========================================
What changed between two data sets?
===========================================

Two years, two hospitals, before and after: a test for each column says little where columns move together, and nothing
about combinations. :func:`~skl_sae.inspection.compare_data` compares two data sets by the units of an autoencoder,
which stand for such combinations, and says in words what has changed.

Here the sets are diabetes patients whose disease progressed least and most within a year. The progression itself is not
among the columns.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# One model of both
# -----------------
# The model learns from all patients and is not told who belongs where. That is what makes the comparison fair.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

from skl_sae import SparseAutoencoder
from skl_sae.inspection import UnitDisplay, compare_data
from skl_sae.sparsity import TopK

data = load_diabetes(scaled=False, as_frame=True)
names = {"bp": "blood pressure", "s1": "cholesterol", "s2": "LDL", "s3": "HDL", "s4": "cholesterol/HDL"}
names |= {"s5": "log triglycerides", "s6": "blood sugar"}
X = data.data.drop(columns="sex").rename(columns=names)
slow, fast = X[data.target < 100], X[data.target > 200]
sae = SparseAutoencoder(n_components=24, sparsity=TopK(4), random_state=0).fit(X)

# %%
# In words
# --------
# The first line answers whether the sets differ at all, by a permutation test: if rows could be exchanged between them,
# so small a p-value would come up one time in a thousand. The others name the units that differ. Of so many tests some
# come out by chance; the false discovery rate limits their share.

comparison = compare_data(sae, slow, fast, names=("slow", "fast"), random_state=0)
print(comparison.summary)

# %%
# With intervals
# --------------
# All units, those that differ in red: how much more often a unit is active where the disease was fast.

table = comparison.units
rates = table.sort_values("rate_difference")
fig, ax = plt.subplots(figsize=(7, 6), layout="constrained")
colors = np.where(rates["differs"], "tab:red", "tab:gray")
ax.hlines(range(len(rates)), 100 * rates["rate_low"], 100 * rates["rate_high"], colors)
ax.scatter(100 * rates["rate_difference"], range(len(rates)), c=colors)
ax.axvline(0, color="black", linewidth=0.8)
ax.set_yticks(range(len(rates)), rates["name"], fontsize=7)
ax.set(xlabel="active in % of fast, minus % of slow (95 % intervals)")

# %%
# A closer look
# -------------
# The unit that differs most, as a card.

both = np.concatenate([np.full(len(slow), "slow"), np.full(len(fast), "fast")])
everyone = X.loc[[*slow.index, *fast.index]]
display = UnitDisplay.from_estimator(sae, everyone, int(table.index[0]), y=both)

# %%
# Sets that do not differ
# -----------------------
# Halves of one set, drawn at random sixty times: about one pair in twenty should have a p-value of at most 5 %, and
# hardly a unit should be found.

halves = []
for seed in range(60):
    order = np.random.default_rng(seed).permutation(len(X))
    one, other = X.iloc[order[:221]], X.iloc[order[221:]]
    halves.append(compare_data(sae, one, other, n_permutations=99, random_state=seed))
print("p-values of at most 5 %:", sum(half.p_value <= 0.05 for half in halves), "of 60")
print("units that differ:", sum(half.units["differs"].sum() for half in halves), "of", 60 * 24)

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    fig.savefig(folder / "two_data_sets.png")
    display.figure_.savefig(folder / "two_data_sets_unit.png")
