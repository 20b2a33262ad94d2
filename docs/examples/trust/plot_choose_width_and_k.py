"""
============================================
How many units, and how many of them active?
============================================

The explained variance does not say: it rises with the number of units, and with `k`, the number of them that may be
active in a row. Sparsity alone does not say either, since the sparsest code is empty. The *description length* has both
in one unit. It counts the bits that tell a row by means of the model: which units are active, their values, what they
leave of the row, and a share of the dictionary. Where it is least, the model says most with little, and no label is
needed.

Here the answer is known. The data has 48 parts in 64 columns, and noise; four parts are active in a row on average,
and rarely more than eight.
"""

# %%
# A search without labels
# -----------------------
# The scorers of `skl_sae.metrics` are made for ``GridSearchCV``, and one of them has the description length with its
# sign turned. The dictionary will serve all rows, not the held-out ones alone: that is what `n_rows` says.

from functools import partial

import numpy as np
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from skl_sae import SparseAutoencoder
from skl_sae.datasets import make_sparse_features
from skl_sae.ensemble import ConsensusAutoencoder
from skl_sae.inspection import FrontierDisplay
from skl_sae.metrics import (
    SCORERS,
    baseline_scores,
    description_length,
    dictionary_match,
    neg_description_length_scorer,
    stability,
)

X, _, parts = make_sparse_features(3000, 48, 64, mean_active=4, zipf_exponent=0, noise=0.05, random_state=0)

search = GridSearchCV(
    SparseAutoencoder(max_iter=25, random_state=0),
    {"n_components": [24, 48, 96], "sparsity__k": [2, 4, 8, 16]},
    scoring=SCORERS | {"neg_description_length": partial(neg_description_length_scorer, n_rows=len(X))},
    refit="neg_description_length",
    cv=ShuffleSplit(1, test_size=0.2, random_state=0),
).fit(X)
print(search.best_params_)

# %%
# On the left the explained variance, on the right the bits. Beyond the true number of parts more units add next to
# nothing to the first, and cost bits. More active units explain a little more, the noise; in bits they do not pay.

display = FrontierDisplay.from_search(search, panels=("score", "bits"))
display.figure_.suptitle("48 parts, 4 of them active on average")
plt.show()

# %%
# Where the bits are
# ------------------
# With few active units most of them describe the residual, with many most name units and their values.

train, held_out = X[:2400], X[2400:]
for k in (2, 4, 16):
    sae = SparseAutoencoder(48, max_iter=25, random_state=0).set_params(sparsity__k=k).fit(train)
    bits = description_length(sae, held_out, n_rows=len(X))
    print(
        f"k = {k:2d}: {bits.support:4.1f} support + {bits.values:4.1f} values + {bits.residual:5.1f} residual "
        f"+ {bits.dictionary:4.1f} dictionary = {bits.total:5.1f}, without a model {bits.without_model:.1f}"
    )

# %%
# Can the choice be trusted?
# --------------------------
# Three questions more. Does the model explain more than a random dictionary that was never trained, and than PCA with
# as many numbers a row?

best = search.best_estimator_
for name, score in baseline_scores(best, held_out, X_train=train, random_state=0).items():
    print(f"{name:18s} {score:.3f}")

# %%
# Do its units come back from other seeds? Of each unit this is the mean cosine with its partners in the other fits.

fits = [clone(best).set_params(random_state=seed).fit(train) for seed in range(4)]
found = stability(fits, signed=True, random_state=0)
print(f"stability {found.mean:.3f}, of random dictionaries {found.random:.3f}")

# %%
# And are they the parts that the data was made of? A consensus of several fits keeps the units that recur. Only because
# the data is made can the answer be checked.

consensus = ConsensusAutoencoder(best, n_fits=4, random_state=0).fit(train)
for name, model in {"single fit": fits[0], "consensus": consensus}.items():
    match = dictionary_match(model.components_, parts, signed=True, random_state=0)
    print(f"{name}: mean cosine {match.hungarian:.3f} with the true parts, {len(model.components_)} units")
print(f"units that every fit has: {np.mean(consensus.unit_stability_ > 0.9):.0%}")
