"""The scale of codes before a linear classifier with a penalty: as they are, as the network has them, and rescaled.

    python benchmarks/code_scale.py [--data digits breast_cancer wine docstrings] [--seeds 3]

`transform` gives codes on a scale on which active entries have a root mean square of 1 on the training data. The same
codes times `code_scale_` are the network's own activations, and through MaxAbsScaler each unit has a largest entry of
1. All three go to LogisticRegression and LinearSVC with their default C=1. Stratified folds, five for each seed, which
also shuffles them; scaler and autoencoder see the training folds only, one fit for the three. Accuracies are means over
all folds and seeds, with the standard error of that mean; differences are taken fold by fold. Folds of one seed share
most of their training rows, so standard errors are rather too small.

digits: pixels / 16. breast_cancer and wine: standardised. docstrings: tf-idf, in float32 and CSR, of what the
functions and classes of twelve modules of SciPy and scikit-learn say of themselves before they list their parameters;
the label is the module. It depends on the versions installed. The autoencoder has its defaults. Writes code_scale.md.
"""

import argparse
import inspect
import time
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC

import processors
import report
from skl_sae import SparseAutoencoder

MODULES = (
    *("scipy.linalg", "scipy.ndimage", "scipy.optimize", "scipy.signal", "scipy.sparse", "scipy.special"),
    *("scipy.stats", "sklearn.cluster", "sklearn.datasets", "sklearn.linear_model", "sklearn.metrics"),
    "sklearn.preprocessing",
)
CLASSIFIERS = {
    "LogisticRegression": LogisticRegression(max_iter=5000),
    "LinearSVC": LinearSVC(dual=True, max_iter=20_000, random_state=0),
}
NOW, BEFORE, SCALED = "as they are", "times code_scale_", "MaxAbsScaler"


def docstrings():
    """Texts, each once, and their modules' numbers."""
    labels = {}
    for label, name in enumerate(MODULES):
        module = import_module(name)
        for attribute in sorted(module.__all__):
            said = getattr(module, attribute)
            if inspect.isroutine(said) or inspect.isclass(said) or isinstance(said, np.ufunc):
                text = (said.__doc__ or "").partition("Parameters\n")[0]
                if isinstance(said, np.ufunc):
                    text = text.partition("\n")[2]  # the first line is the signature
                if len(text) > 60:
                    labels.setdefault(text, label)
    return np.array(list(labels)), np.array(list(labels.values()))


# Name: title, what stands before the autoencoder, and a function that loads X and y.
DATA = {
    "digits": ("digits", FunctionTransformer(lambda X: X / 16), lambda: load_digits(return_X_y=True)),
    "breast_cancer": ("breast_cancer", StandardScaler(), lambda: load_breast_cancer(return_X_y=True)),
    "wine": ("wine", StandardScaler(), lambda: load_wine(return_X_y=True)),
    "docstrings": (
        "docstrings, tf-idf",
        TfidfVectorizer(min_df=3, sublinear_tf=True, stop_words="english", dtype=np.float32),
        docstrings,
    ),
}


def measure(before, X, y, seed):
    """Accuracies in each fold, and `code_scale_`: a dictionary by classifier and scale."""
    found = {}
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
        encoder = make_pipeline(clone(before), SparseAutoencoder(random_state=seed))
        codes, codes_test = encoder.fit_transform(X[train]), encoder.transform(X[test])
        code_scale = encoder[-1].code_scale_
        scaler = MaxAbsScaler().fit(codes)
        scales = {
            BEFORE: (code_scale * codes, code_scale * codes_test),
            NOW: (codes, codes_test),
            SCALED: (scaler.transform(codes), scaler.transform(codes_test)),
        }
        for classifier, estimator in CLASSIFIERS.items():
            for name, (a, b) in scales.items():
                accuracy = clone(estimator).fit(a, y[train]).score(b, y[test])
                found.setdefault((classifier, name), []).append(100 * accuracy)
        found.setdefault("code_scale_", []).append(code_scale)
    return found


def figure(values, sign=""):
    """Mean and standard error."""
    return f"{np.mean(values):{sign}.2f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2f}"


def rows_of(title, found):
    """Rows of the table."""
    rows = []
    for classifier in CLASSIFIERS:
        before, now, scaled = (np.array(found[classifier, name]) for name in (BEFORE, NOW, SCALED))
        differences = [figure(now - before, "+"), figure(now - scaled, "+")]
        rows.append([f"{title}, {classifier}", *map(figure, (before, now, scaled)), *differences])
    return rows


def document(table, notes, options):
    """The report."""
    about, _, *texts = (" ".join(part.split()) for part in __doc__.split("\n\n"))
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    machine = f"{date.today().isoformat()}, {processors.title()}, {versions}, {options.seeds} seeds x 5 folds."
    title = "Accuracy in per cent, and the difference of the codes as they are from the two others."
    return "\n\n".join(["# The scale of codes", about, *texts, title, table, "\n".join(notes), machine]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    rows, notes = [], []
    for name in options.data:
        title, before, load = DATA[name]
        (X, y), found, start = load(), {}, time.perf_counter()
        for seed in range(options.seeds):
            for key, values in measure(before, X, y, seed).items():
                found.setdefault(key, []).extend(values)
            print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
        rows += rows_of(title, found)
        width = clone(before).fit_transform(X).shape[1]
        code_scale = np.mean(found["code_scale_"])
        size = f"{len(X)} rows, {width} features, {len(set(y))} classes"
        notes.append(f"- {title}: {size}; mean `code_scale_` {code_scale:.3f}")
    table = report.lines(["", BEFORE, NOW, SCALED, "as they are - times", "as they are - MaxAbs"], rows)
    text = document(table, notes, options)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "code_scale.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
