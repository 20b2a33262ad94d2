"""Features before a linear classifier on MNIST, by the protocols of the winner-take-all and k-sparse papers.

    python benchmarks/features.py --mnist PATH [--case NAME ...] [--seeds 3]

The autoencoder sees the 60,000 training images (pixels / 255), never a label. The classifier's C is chosen on the last
10,000 of them, the others being its training set; it is then fitted on all 60,000, and its error on the 10,000 test
images is printed. Codes are divided by the largest value of each unit, kept sparse.
"""

import argparse
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MaxAbsScaler
from sklearn.svm import LinearSVC

from skl_sae import SparseAutoencoder
from skl_sae.datasets import load_mnist
from skl_sae.sparsity import LifetimeTopK, TopK

HELD_OUT = 10_000
# A lower rate than the default, which falls from the beginning: that costs explained variance, and classifies better.
TRAINING = {"learning_rate_init": 0.00086, "learning_rate": "cosine"}


def svc(C):
    return LinearSVC(C=C, dual=True, tol=1e-3, max_iter=200, random_state=0)


def logistic(C):
    return LogisticRegression(C=C, tol=1e-3, max_iter=300)


# name: (estimator, classifier, values of C, title with the published error in percent)
CASES = {
    "raw": (None, svc, (0.03, 0.1, 0.3), "raw pixels, LinearSVC"),
    "wta_2000": (
        {"n_components": 2000, "sparsity": LifetimeTopK(0.05), "tied_weights": True, "max_iter": 20},
        svc,
        (0.03, 0.1, 0.3, 1.0),
        "LifetimeTopK 5 %, tied, LinearSVC (published 1.20, reproduced 1.38)",
    ),
    "k_sparse_1000": (
        {"n_components": 1000, "sparsity": TopK(25, transform_k=50), "max_iter": 30},
        logistic,
        (1.0, 3.0, 10.0),
        "TopK k=25, transform_k=50, logistic regression (published 1.35, linear units)",
    ),
}


def error(classifier, train, y_train, test, y_test):
    """Test error in percent."""
    return 100 * (1 - classifier.fit(train, y_train).score(test, y_test))


def measure(params, make_classifier, values, data, seed):
    X, y, X_test, y_test = data
    start = time.perf_counter()
    codes, codes_test = X, X_test
    if params is not None:
        sae = SparseAutoencoder(**params, **TRAINING, sparse_output=True, random_state=seed).fit(X)
        codes, codes_test = sae.transform(X), sae.transform(X_test)
    fitted = time.perf_counter() - start
    scaler = MaxAbsScaler().fit(codes)
    codes, codes_test = scaler.transform(codes), scaler.transform(codes_test)
    held = [
        error(make_classifier(C), codes[:-HELD_OUT], y[:-HELD_OUT], codes[-HELD_OUT:], y[-HELD_OUT:]) for C in values
    ]
    best = values[int(np.argmin(held))]
    return error(make_classifier(best), codes, y, codes_test, y_test), best, fitted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = load_mnist(options.mnist)
    for name in options.case:
        params, make_classifier, values, title = CASES[name]
        errors = []
        for seed in range(options.seeds if params else 1):
            value, C, seconds = measure(params, make_classifier, values, data, seed)
            errors.append(value)
            print(f"{name} seed {seed}: error {value:.2f} %, C {C:g}, autoencoder {seconds:.0f} s", flush=True)
        print(f"{name}: {np.mean(errors):.2f} +- {np.std(errors):.2f} %   {title}", flush=True)


if __name__ == "__main__":
    main()
