"""
====================================================
Can a signal be had from a quarter of its samples?
====================================================

A signal that is a sum of a few oscillations has a sparse code: in the basis of the discrete cosine transform, few
coefficients are not zero. Then it need not be sampled at every point of time. A few samples at random times determine
the code, and with it the whole signal. This is *compressed sensing*.

:class:`~skl_sae.coding.SparseRecovery` takes the dictionary (the cosines) and the measurement matrix (which samples are
taken), and finds the code by one of several algorithms. Three are compared here, without noise and with it:

* orthogonal matching pursuit (OMP), which adds one atom after the other;
* basis pursuit, which finds the code of smallest l1 norm that explains the samples, up to the noise;
* LASSO, whose penalty on the l1 norm also shrinks the coefficients. A polish by least squares undoes that.

Run as a script, it saves its two pictures in the current folder, or in the folder given as its argument.
"""

# %%
# The signal
# ----------
# Three hundred points of time, of which 75 are measured. The measurement matrix selects rows of the identity, and the
# atoms are cosines of norm one.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.fft import idct

from skl_sae.coding import SparseRecovery, mutual_coherence
from skl_sae.inspection import ReconstructionDisplay

N, M, K = 300, 75, 10

rng = np.random.default_rng(3)
dictionary = idct(np.eye(N), norm="ortho", axis=1)  # one cosine a row
code = np.zeros(N)
code[rng.choice(120, K, replace=False)] = rng.choice([-1, 1], K) * rng.uniform(0.5, 2, K)
signal = code @ dictionary

times = np.sort(rng.choice(N, M, replace=False))
measurement_matrix = np.eye(N)[times]
noise = 0.02 * rng.standard_normal(M)
samples = {"no noise": signal[times], "noise": signal[times] + noise}

print(f"{M} of {N} samples; the code has {K} coefficients that are not zero")
print(f"signal to noise: {20 * np.log10(np.linalg.norm(signal[times]) / np.linalg.norm(noise)):.0f} dB\n")

# %%
# The recovery
# ------------
# OMP is told when to stop, by the squared norm of the residual; basis pursuit how far from the samples it may stay. The
# noise's norm is about its standard deviation times the square root of the number of samples.

size = 0.02 * np.sqrt(M)
models = {
    "OMP": {"no noise": {"tol": 1e-12}, "noise": {"tol": size**2}},
    "basis pursuit": {
        "no noise": {"algorithm": "basis_pursuit"},
        "noise": {"algorithm": "basis_pursuit", "tol": size},
    },
    "basis pursuit, polished": {
        "noise": {"algorithm": "basis_pursuit", "tol": size, "polish": True},
    },
    "LASSO": {
        "no noise": {"algorithm": "lasso", "alpha": 1e-4},
        "noise": {"algorithm": "lasso", "alpha": 0.03},
    },
    "LASSO, polished": {
        "noise": {"algorithm": "lasso", "alpha": 0.03, "polish": True},
    },
}


def decibel(recovered):
    """Signal to error, of the whole signal."""
    return 20 * np.log10(np.linalg.norm(signal) / np.linalg.norm(signal - recovered))


found = {}
print(f"{'':<26}{'samples':<12}{'signal to error':>16}{'coefficients':>14}{'duality gap':>14}")
for name, settings in models.items():
    for kind, options in settings.items():
        model = SparseRecovery(dictionary, measurement_matrix=measurement_matrix, **options)
        y = samples[kind][None]
        codes, recovered = model.transform(y), model.reconstruct(y)[0]
        certificate = model.certificate(y, codes)
        found[name, kind] = codes[0], recovered
        quality = f"{decibel(recovered):>13.1f} dB{certificate.n_nonzero[0]:>14}{certificate.gap[0]:>14.0e}"
        print(f"{name:<26}{kind:<12}{quality}")

# %%
# The duality gap of OMP's exact code is zero: no other code that explains the samples has a smaller l1 norm, so basis
# pursuit had to find the same one. The mutual coherence of the sampled atoms alone would promise very little:

coherence = mutual_coherence(dictionary[:, times])
print(
    f"\nmutual coherence {coherence:.2f}: recovery is certain for fewer than {(1 + 1 / coherence) / 2:.1f} coefficients"
)

# %%
# The whole signal, and what was seen of it:

interpolated = np.interp(np.arange(N), times, samples["noise"])
shown = {
    f"Linear interpolation of the samples ({decibel(interpolated):.1f} dB)": interpolated,
    f"OMP ({decibel(found['OMP', 'noise'][1]):.1f} dB)": found["OMP", "noise"][1],
    f"Basis pursuit ({decibel(found['basis pursuit', 'noise'][1]):.1f} dB)": found["basis pursuit", "noise"][1],
}
_, ax = plt.subplots(figsize=(8, 6), layout="constrained")
display = ReconstructionDisplay.from_predictions(
    np.tile(signal, (3, 1)), {"recovered": np.array(list(shown.values()))}, input_name="signal", ax=ax
)
for ax, title in zip(display.axes_, shown):
    ax.plot(times, samples["noise"], ".", color="C3", markersize=5)
    ax.set_title(title, fontsize="medium", loc="left")
display.axes_[-1].set_xlabel("time (dots: the samples)")

# %%
# The coefficients: true ones as circles, those found as lines. LASSO finds the large ones, too small, and some that are
# not there.

shown = ["OMP", "basis pursuit", "LASSO", "LASSO, polished"]
code_figure, axes = plt.subplots(len(shown), 1, figsize=(8, 7), layout="constrained", sharex=True, sharey=True)
true = np.flatnonzero(code)
for ax, name in zip(axes, shown):
    z = found[name, "noise"][0]
    active = np.flatnonzero(z)
    ax.vlines(active, 0, z[active], color="C0")
    ax.plot(true, code[true], "o", color="C3", mfc="none", markersize=6)
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    ax.set_title(f"{name}: {active.size} coefficients", fontsize="medium")
axes[-1].set(xlabel="number of the cosine", xlim=(-3, N))

# %%
# The pictures, when this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in [("signal", display.figure_), ("codes", code_figure)]:
        path = folder / f"compressed_sensing_{name}.png"
        figure.savefig(path, dpi=100)
        print(f"saved {path}")
