"""
====================
Does it still learn?
====================

Data that comes in chunks, as from a camera or a log, has no epochs and no end. Whether another chunk is worth its time
is told by rows that are kept aside: their score after each chunk is a validation curve. Here the stream is patches of a
photograph, and half way through it becomes another photograph. :class:`~skl_sae.inspection.TrainingCurveDisplay` draws
what happens.
"""

# %%
# A stream, and rows aside
# ------------------------
# Each chunk has 400 patches of 8 x 8 pixels. 1000 patches from elsewhere in the two photographs are never learned from.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from skl_sae import SparseAutoencoder
from skl_sae.inspection import TrainingCurveDisplay

pagoda, flower = (photograph.mean(axis=2) / 255 for photograph in load_sample_images().images)
rng = np.random.default_rng(0)


def patches(photograph, n):
    """Patches of 8 x 8 pixels, a row each."""
    rows, columns = (rng.integers(size - 7, size=n) for size in photograph.shape)
    return np.array([photograph[i : i + 8, j : j + 8].ravel() for i, j in zip(rows, columns, strict=True)])


# the left quarter is for validation, the rest for the stream
aside = {name: patches(each[:, :160], 1000) for name, each in [("flower", flower), ("pagoda", pagoda)]}
stream = [patches(each[:, 160:], 400) for each in [flower] * 30 + [pagoda] * 30]

# %%
# Learn, and look after each chunk
# --------------------------------
# ``partial_fit`` makes one pass over a chunk. The score is the share of the variance that is explained, of rows that
# the model has never seen.

sae = SparseAutoencoder(128, random_state=0)
scores = {name: [] for name in aside}
for chunk in stream:
    sae.partial_fit(chunk)
    for name, rows in aside.items():
        scores[name].append(sae.score(rows))

fig, axes = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
for ax, (name, values) in zip(axes, scores.items(), strict=True):
    display = TrainingCurveDisplay(loss_curve=sae.loss_curve_, validation_scores=values).plot(ax, log=True)
    display.score_ax_.set_ylabel(f"score of the {name}")
    display.ax_.axvline(30.5, color="0.7", zorder=0)
    display.ax_.set_xlabel("")
axes[-1].set_xlabel("chunk")

# %%
# After some fifteen chunks of the flower little is gained by another one: this is the time to stop, or to ask for
# more units. Where the pagoda begins, the loss jumps: its patches are rougher, and it is compared with the scale of
# the first chunk. The score of the pagoda was good before, as edges are edges, and rises further once it is shown.
# That of the flower sinks: what is no longer shown is forgotten, slowly, and only rows that are kept aside tell.

for name, values in scores.items():
    print(f"{name}: {values[14]:.3f} after 15 chunks, {values[29]:.3f} after 30, {values[59]:.3f} after 60")

# %%
# Data that is all there
# ----------------------
# ``fit`` draws the same curve by itself: rows that are given as `X_val` are scored after each epoch, and have no say in
# the fit. With 200 patches for 128 units the loss falls to the end, and the score of the others is at its best early:
# the rest is learned by heart. With ten times as many, both move together.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, n in zip(axes, (200, 2000), strict=True):
    few = SparseAutoencoder(128, max_iter=40, batch_size=32, learning_rate="constant", tol=0, random_state=0)
    few.fit(patches(pagoda[:, 160:], n), X_val=aside["pagoda"])
    TrainingCurveDisplay.from_estimator(few, ax=ax, log=True)
    ax.set_title(f"{n} patches", pad=24)
    print(f"{n} patches: score {few.validation_scores_[-1]:.3f}, at best {max(few.validation_scores_):.3f}")

plt.show()
