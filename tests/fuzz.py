"""Random short fits over all parameters and odd data; what must hold for every one of them.

    python tests/fuzz.py --fits 10000 --seed 0
    python tests/fuzz.py --only 17 --seed 0        one of them, with its parameters and the traceback

Fits run in a second process, so that one that crashes or hangs is a failure like any other.
"""

import argparse
import faulthandler
import json
import pickle
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))  # where the package is not installed

import fuzz_cases

from skl_sae import SparseAutoencoder
from skl_sae._training import order

# Seconds after which a fit counts as one that does not end.
PATIENCE = 120
# Messages of this kind come from below the checks and say nothing to a user.
RAW = re.compile(
    "broadcast|nopython|numba|reflected|operands|zero-size|empty sequence|out of bounds|mismatch|buffer|read-only|"
    r"cannot convert float|array must not contain|[Ss]hapes? \(|could not be|NoneType|index -?\d+|probabilities|"
    "Eigenvalues|SVD|Singular"
)
# A fit that diverged after an epoch that did not leaves the weights of that epoch, and says so.
DIVERGED = "The estimator is now fitted with the weights of epoch"
PARAMETERS = tuple(f"{name}=" for name in SparseAutoencoder().get_params())


class Broken(AssertionError):
    """Something that must hold does not."""


def expect(holds, what):
    if not holds:
        raise Broken(what)


def attempt(refusals, call, *args, said=None):
    """Call; a refusal, which must be an error that tells the user what to do, is counted and gives None.

    Its message is added to the list `said`.
    """
    try:
        return call(*args)
    except ValueError as error:
        message = str(error)
        where = f"{call.__name__}: {type(error).__name__}: {message[:200]}"
        expect(message[:1].isupper() or message.startswith(PARAMETERS), f"a message that starts oddly: {where}")
        expect(not RAW.search(message), f"a raw message: {where}")
        refusals[summarised(message)] += 1
        if said is not None:
            said.append(message)
        return None


def summarised(message):
    """The first words of a message, without the numbers in it."""
    return re.sub(r"[-+]?(\d+(\.\d+)?(e[-+]?\d+)?|inf|nan)\b", "#", message)[:90]


def codes_of(sae, X):
    codes = sae.transform(X)
    return codes.toarray() if hasattr(codes, "toarray") else codes


def content(X):
    """Bytes of the numbers of an array, dense or sparse."""
    names = ("data", "indices", "indptr", "row", "col")
    arrays = [getattr(X, name) for name in names if hasattr(X, name)] if hasattr(X, "toarray") else [X]
    return [array.tobytes() for array in arrays]


def same_bits(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def check_fitted(sae, X, active, refusals):
    """What must hold for a fit that returned, with the rows of its last call."""
    for name, arrays in [("coefs_", sae.coefs_), ("intercepts_", sae.intercepts_), ("loss_curve_", sae.loss_curve_)]:
        expect(all(np.isfinite(array).all() for array in arrays), f"{name} is not finite")
    expect(np.isfinite(sae.loss_), "loss_ is not finite")
    behind = sae.coefs_[sae._network.architecture.encoder_depth :]
    expect(not sae.positive_decoder or min(each.min() for each in behind) >= 0, "the decoder has negative weights")
    expect(np.isfinite(sae._network.parameters.theta).all(), "the state of the rule is not finite")
    codes = codes_of(sae, X)
    expect(codes.shape == (X.shape[0], sae.n_components), "the codes have a wrong shape")
    expect(np.isfinite(codes).all(), "codes of the training data are not finite")
    if active is not None:
        expect(np.count_nonzero(codes, axis=1).max() <= active, f"more than {active} active units")
    decoded = attempt(refusals, sae.reconstruct, X)
    expect(decoded is None or np.isfinite(decoded).all(), "reconstructions are not finite")
    if decoded is None:
        return  # training has made numbers that are finite, and too large to go on with
    if not sae.skip:
        decoded = attempt(refusals, sae.inverse_transform, sae.transform(X))
        expect(decoded is None or np.isfinite(decoded).all(), "decoded codes are not finite")
    empty = np.zeros(X.shape[0], bool) if hasattr(X, "toarray") else np.isnan(X).all(axis=1)
    defined = X.shape[0] > 1 and not empty.all()
    expect(np.isfinite(sae.score(X)) if defined else np.isnan(sae.score(X)), "score is not finite")
    scores = sae.score_samples(X)
    expect(np.isfinite(scores[~empty]).all() and (scores[empty] == -np.inf).all(), "score_samples is not finite")
    some = sorted({0, X.shape[0] // 2, X.shape[0] - 1})
    rows = X.tocsr() if hasattr(X, "toarray") else X
    for row in some:
        expect(same_bits(codes_of(sae, rows[row : row + 1]), codes[row : row + 1]), "a row has other bits alone")
    expect(same_bits(codes_of(pickle.loads(pickle.dumps(sae)), X), codes), "unpickled, it gives other codes")
    filled = sae.impute(X)
    if not hasattr(filled, "toarray"):
        seen = ~np.isnan(X)
        expect(np.array_equal(filled[seen], X[seen].astype(filled.dtype)), "impute changed a value that was there")


def run_case(case, refusals):
    """One sequence of fits and what must hold after each; returns the number of calls that fitted."""
    sae, done, seen = SparseAutoencoder(**case.params), 0, None
    for method, X in case.calls:
        before = None if seen is None else codes_of(sae, seen)
        copy = content(X)
        if method == "partial_fit" and case.params["early_stopping"]:
            method = "fit"
        said = []
        fitted = attempt(refusals, getattr(sae, method), X, said=said)
        expect(content(X) == copy, f"{method} changed the data")
        if fitted is None:
            if before is not None and DIVERGED not in said[0]:
                expect(same_bits(codes_of(sae, seen), before), f"a refused {method} changed the codes")
            continue
        done, seen = done + 1, X
        check_fitted(sae, X, case.active, refusals)
    if seen is not None:
        for X in case.strangers:
            codes = attempt(refusals, sae.transform, X)
            if codes is not None:
                codes = codes.toarray() if hasattr(codes, "toarray") else codes
                expect(np.isfinite(codes).all(), "codes of other data are not finite")
                expect(case.active is None or np.count_nonzero(codes, axis=1).max() <= case.active, "too many active")
    return done


@contextmanager
def small_blocks():
    """Let ``shuffle="blocks"`` have several blocks and windows, of tables as small as these."""
    before = order.BLOCK_BYTES, order.WINDOW
    order.BLOCK_BYTES, order.WINDOW = 256, 3
    try:
        yield
    finally:
        order.BLOCK_BYTES, order.WINDOW = before


def run(fits, seed, first=0, show=False, note=lambda number: None):
    """Run cases ``first..first + fits``; returns counts, refusals by message, and failures with their numbers."""
    refusals, failures, done = Counter(), [], 0
    for number in range(first, first + fits):
        note(number)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), small_blocks():
            warnings.simplefilter("ignore")
            case = fuzz_cases.draw(np.random.default_rng([seed, number]), folder)
            if show:
                print(case)
            try:
                done += run_case(case, refusals)
            except Broken as error:
                failures.append((number, str(error)))
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}, {where.name})"
                failures.append((number, what))
            if show and failures:
                traceback.print_exc()
    return {"fits": fits, "returned": done, "refusals": dict(refusals), "failures": failures}


def run_apart(fits, seed, environment=None, script=__file__):
    """The same in other processes: one that dies, or hangs, is started again behind the case that it died of."""
    total, first = {"fits": fits, "returned": 0, "refusals": Counter(), "failures": []}, 0
    with tempfile.TemporaryDirectory() as folder:
        while first < fits:
            command = [sys.executable, script, "--fits", str(fits - first), "--seed", str(seed)]
            command += ["--first", str(first), "--into", folder]
            child = subprocess.run(command, env=environment, capture_output=True, text=True)
            result = json.loads(Path(folder, "result").read_text())
            total["returned"] += result["returned"]
            total["refusals"].update(result["refusals"])
            total["failures"] += result["failures"]
            first = result["first"] + result["fits"]
            if child.returncode:
                last = [line for line in child.stderr.splitlines() if line.strip()][:12]
                total["failures"].append((first, f"the process died with {child.returncode}: {' | '.join(last)[:600]}"))
                first += 1
    return total


def report(total):
    """Print the summary; returns whether all is well."""
    print(f"{total['fits']} cases, {total['returned']} fits returned, {sum(total['refusals'].values())} refusals:")
    for message, count in Counter(total["refusals"]).most_common():
        print(f"{count:6} {message}")
    kinds = {}
    for number, what in total["failures"]:
        kinds.setdefault(summarised(what), []).append((number, what))
    print(f"{len(total['failures'])} failures of {len(kinds)} kinds")
    for cases in sorted(kinds.values(), key=len, reverse=True):
        print(f"{len(cases):6} {cases[0][1]}\n       numbers {[number for number, _ in cases[:12]]}")
    return not total["failures"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--into", help="folder for the results, of a process that was started by another")
    options = parser.parse_args()
    if options.only is not None:
        return report(run(1, options.seed, options.only, show=True))
    if options.into is None:
        return report(run_apart(options.fits, options.seed))
    faulthandler.enable()
    total = {"first": options.first, "fits": 0, "returned": 0, "refusals": Counter(), "failures": []}
    for number in range(options.first, options.first + options.fits):
        Path(options.into, "result").write_text(json.dumps(total))
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        one = run(1, options.seed, number)
        total["fits"] += 1
        total["returned"] += one["returned"]
        total["refusals"].update(one["refusals"])
        total["failures"] += one["failures"]
    Path(options.into, "result").write_text(json.dumps(total))
    return True


if __name__ == "__main__":
    sys.exit(not main())
