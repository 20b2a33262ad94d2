"""The benchmark's arithmetic, and one short run of it."""

import ast
import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from skl_sae import SparseAutoencoder, SparseAutoencoderImputer

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="needs the checkout")


@pytest.fixture
def path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_operations_of_a_step(path):
    from cases import CASES
    from machine import flops, n_parameters

    dense, sparse = CASES["l1_dense"], CASES["topk_1000"]
    assert n_parameters((784, 196, 784)) == 784 * 196 * 2 + 196 + 784
    # five products of 2 batch d m, without the gradient of the input; four of them as thin as the code
    assert flops(dense, (784, 1024, 784), 0.9) == 5 * 2 * 256 * 784 * 1024
    assert flops(sparse, (784, 1000, 784), 0.025) == pytest.approx((1 + 4 * 0.025) * 2 * 256 * 784 * 1000)
    # each of six layers three products, the first two
    sizes = (784, 128, 64, 32, 64, 128, 784)
    weights = [a * b for a, b in zip(sizes, sizes[1:], strict=False)]  # noqa: RUF007
    assert flops(CASES["deep"], sizes, 1.0) == 2 * 256 * (3 * sum(weights) - weights[0])


def test_seconds_to_a_score(path):
    from quality import seconds_to

    curve = {"seconds": [0.0, 2.0, 4.0], "scores": [0.0, 0.8, 0.9]}
    assert seconds_to(curve, 0.4) == pytest.approx(1.0)
    assert seconds_to(curve, 0.85) == pytest.approx(3.0)
    assert seconds_to(curve, 0.95) is None


def test_a_short_run(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--case", "digits", "--peer", "mlp", "torch"]
    command += ["--rounds", "2", "--seconds", "0.01", "--repeats", "0", "--out", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=300)
    record = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["digits"]
    assert len(record["peers"]["ours"]["rates"]) == len(record["peers"]["mlp"]["rates"]) == 2
    assert len(record["speedups"]) == 2
    assert record["density"][0] == pytest.approx(16 / 128, rel=0.05)
    # PyTorch is either there and agrees, or is skipped with a note
    assert "torch" in record["notes"] or record["peers"]["torch"]["agrees"]
    table = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "| digits |" in table
    assert "| ours |" in table


def test_tutorials_translate_to_the_units_of_keras(path):
    from tutorial_models import MODELS

    for name, model in MODELS.items():
        sae = model.estimator()
        assert sae.max_iter == model.epochs - model.pretraining * model.n_layers > 0, name
        assert (sae.scale, sae.dead_units, sae.tol, sae.learning_rate) == (False, None, 0, "constant"), name
        assert sae.epsilon == pytest.approx(1e-7 * model.n_features), name
    pretrained = MODELS["b_pretrained"]
    assert pretrained.epochs == MODELS["b_sgd"].epochs
    assert (pretrained.shortened(1).epochs, pretrained.shortened(1).fine_tuning) == (4, 1)
    assert MODELS["a"].estimator().sparsity.alpha == pytest.approx(0.0784)


def test_a_short_run_of_a_tutorial(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "tutorials.py"), "--cases", "c"]
    command += ["--rounds", "2", "--epochs", "20", "--out", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=300)
    record = json.loads((tmp_path / "tutorials.json").read_text(encoding="utf-8"))["c"]
    results = record["results"]
    assert len(results["ours"]) == 2
    # Keras is either there and takes the same way, or is skipped with a note
    for ours, other in zip(results["ours"], results.get("keras", []), strict=False):
        assert ours["mse"] == pytest.approx(other["mse"], rel=0.01)
    assert ("keras" in results) != ("keras" in record["notes"])
    assert "| c |" in (tmp_path / "tutorials.md").read_text(encoding="utf-8")


def test_a_short_run_of_the_imputers(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "imputation.py"), "--data", "wine"]
    command += ["--mechanisms", "MCAR 30 %", "MNAR", "--seeds", "1", "--out", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=300)
    lines = (tmp_path / "imputation.md").read_text(encoding="utf-8").splitlines()
    assert lines.count("|  | mean | KNNImputer | IterativeImputer | SparseAutoencoderImputer |") == 2
    cells = [line.replace("*", "").split("|")[1:-1] for line in lines if "±" in line]
    assert [cell[0].strip() for cell in cells] == ["wine, MCAR 30 %", "wine, MNAR"] * 2
    errors = [float(cell.split("±")[0]) for cell in cells[0][1:]]
    assert errors[0] == pytest.approx(1, abs=0.1)  # standardised data
    assert errors[3] < 0.9 * errors[0]
    ranks = next(line for line in lines if line.startswith("| mean rank")).split("|")[2:-1]
    assert sum(map(float, ranks)) == 10


def test_missing_entries(path):
    """Their share, and on what it depends."""
    from imputation import MECHANISMS, hide, load

    X = load("diabetes")
    for name, share in zip(MECHANISMS, (0.1, 0.3, 0.5, 0.15, 0.3), strict=True):
        missing = np.isnan(hide(X, name, np.random.default_rng(0)))
        assert missing.mean() == pytest.approx(share, abs=0.03), name
        if name != "MAR":
            larger = X[missing].mean() - X[~missing].mean()
            assert larger > 0.5 if name == "MNAR" else abs(larger) < 0.2, name
        assert (missing.sum(axis=0) == 0).sum() == (5 if name == "MAR" else 0)


def test_the_guide_and_the_docstring_have_the_default():
    estimator = SparseAutoencoderImputer()._stand_in("estimator", None)
    changed = {k: v for k, v in estimator.get_params(deep=False).items() if v != SparseAutoencoder().get_params()[k]}
    changed["n_components"] = estimator.n_components
    page = ROOT / "docs" / "guide" / "missing_values.rst"
    for text in page.read_text(encoding="utf-8"), SparseAutoencoderImputer.__doc__:
        at = text.index(f"hidden_layer_sizes={estimator.hidden_layer_sizes}")
        expression = text[text.rindex("SparseAutoencoder(", 0, at) :].partition("batch_size=32")
        call = ast.parse("".join(expression[:2]) + ")", mode="eval").body
        assert {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords} == changed


def test_self_taught_learning_on_digits(path):
    import numpy as np
    from self_taught import autoencoder, measure, split
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    unlabelled, train, y_train, test, y_test = split(X / 16, y)
    assert len(unlabelled) == (y >= 5).sum()
    assert set(y_train) == set(y_test) == set(range(5))
    assert np.array_equal(np.concatenate([train, test]), X[y < 5] / 16)
    accuracy, loss, activation, _ = measure(autoencoder(6e-3, 32, 20, 0), (unlabelled, train, y_train, test, y_test))
    assert accuracy > 75
    assert np.isfinite(loss)
    assert 0.05 < activation < 0.5


def test_phase_transition_of_theory(path):
    """Published values: of the curves, and of another implementation of the signed one (delta at k / n)."""
    from recovery import transition

    known = {0.05: 0.154, 0.1: 0.189, 0.2: 0.243, 0.25: 0.267, 0.3: 0.291, 0.5: 0.386, 0.75: 0.534, 0.9: 0.678}
    for delta, rho in known.items():
        assert transition(delta) == pytest.approx(rho, abs=6e-4)
    for delta, rho in {0.1: 0.241, 0.25: 0.365, 0.5: 0.558, 0.75: 0.766, 0.9: 0.903}.items():
        assert transition(delta, positive=True) == pytest.approx(rho, abs=6e-4)
    for delta, share in {0.3288: 0.1, 0.8313: 0.5}.items():
        assert transition(delta) * delta == pytest.approx(share, abs=2e-4)


def test_a_short_run_of_recovery(path):
    from types import SimpleNamespace

    from recovery import OMP_SIGNS, POSITIVE, SIGNED, half_point, measured_transition, share_recovered, transition

    rho = np.linspace(0, 1, 101)
    assert half_point(rho, np.random.default_rng(0).random(101) < 1 / (1 + np.exp(30 * (rho - 0.4)))) == pytest.approx(
        0.4, abs=0.05
    )
    assert share_recovered(256, 4, 56, 20) >= 0.9
    options = SimpleNamespace(features=100, matrices=2, per_matrix=2)
    for name in (SIGNED, POSITIVE):
        assert measured_transition(name, 0.5, options) == pytest.approx(transition(0.5, name == POSITIVE), abs=0.08)
    assert 0.1 < measured_transition(OMP_SIGNS, 0.5, options) < 0.5


def test_compositional_generalisation(path):
    """Ten active latents a row, latent 0 in all rows out of distribution; units are matched whatever their order."""
    from compositional import correlations, mcc, problem

    train, inside, outside, A = problem(50, 0, rows=200)
    assert A.shape == (33, 50) and train.shape == inside.shape == outside.shape == (200, 50)
    assert ((train > 0).sum(axis=1) == 10).all() and (outside[:, 0] > 0).all() and not outside[:, 1:25].any()
    codes = -2 * inside[:, ::-1]
    assert mcc(inside, codes, out=False) == pytest.approx(1)
    assert mcc(outside, np.hstack([outside, np.zeros((200, 3))]), out=True) == pytest.approx(1)
    expected = np.abs(np.corrcoef(inside[:, :3].T, codes[:, :3].T)[:3, 3:])
    np.testing.assert_allclose(correlations(inside[:, :3], codes[:, :3]), expected, atol=1e-12)
    assert mcc(inside, codes[:, :40], out=False) < 0.95


def test_names_are_judged_by_the_key(path):
    from unit_names import COLUMNS, KEY, judge, parts_of, problem

    X, amounts = problem(0, 500)
    assert X.shape == (500, len(COLUMNS)) and amounts.shape == (500, len(KEY))
    assert parts_of(np.column_stack([-amounts[:, 3], amounts[:, 1], np.zeros(500)]), amounts).tolist() == [3, 1, -1]
    key = {"high income", "low age"}
    assert judge("low age, high income #2", key) == (True, True, 1.0)
    assert judge("high age, low income, or the reverse", key) == (True, True, 1.0)
    assert judge("high age, low income", key) == (False, True, 0.0)
    assert judge("low age, high rent", key) == (False, False, pytest.approx(1 / 3))


def test_toy_of_stability(path):
    from stability import toy

    X, parts = toy(n_rows=300)
    assert X.shape == (300, 16) and parts.shape == (32, 16)
    np.testing.assert_allclose(np.linalg.norm(parts, axis=1), 1)
    residual = [np.linalg.lstsq(parts[list(active)].T, X[0], rcond=None)[1] for active in combinations(range(32), 3)]
    assert min(each[0] for each in residual) == pytest.approx(0, abs=1e-9)  # three parts make a row


def test_what_an_inner_choice_of_width_and_k_is(path):
    from types import SimpleNamespace

    from description_length import grid, is_inner

    options = SimpleNamespace(widths=(32, 64, 128), active=(2, 4, 8, 16, 32))
    assert len(grid(options)) == 4 + 5 + 5
    assert [pair for pair in grid(options) if is_inner(pair, options)] == [(64, 4), (64, 8), (64, 16)]


@pytest.mark.filterwarnings("ignore:.*did not fire")
def test_a_short_run_of_pruning(path, monkeypatch):
    from types import SimpleNamespace

    import pruning
    from sklearn.datasets import load_digits

    from skl_sae import SparseAutoencoder

    monkeypatch.setattr("skl_sae.compression._report.SECONDS", 0.01)
    monkeypatch.setattr("second_core.SETTLE", 0)
    X = load_digits().data[:300].astype(np.float32)
    sae = SparseAutoencoder(64, max_iter=2, random_state=0).fit(X)
    losses, sizes = pruning.measure(sae, (X, X), SimpleNamespace(amount=0.9, epochs=2))
    assert [row[0] for row in losses] == list(pruning.KINDS)
    assert all(row[4] == row[5] for row in losses)
    assert [row[0] for row in sizes] == ["dense, float32", *pruning.FORMS]
    assert [float(row[3]) for row in sizes] == sorted(float(row[3]) for row in sizes)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA has another meaning")
@pytest.mark.parametrize("gigabytes, limit", [(0.03, 700), pytest.param(1, 700, marks=pytest.mark.slow)])
def test_a_file_larger_than_what_a_process_may_take(gigabytes, limit, tmp_path):
    """Libraries and compiled code take most of it; of a file of 1 GB no more is held than of a small one."""
    command = [sys.executable, str(BENCHMARKS / "out_of_core.py"), "--gb", str(gigabytes), "--limit-mb", str(limit)]
    command += ["--calls", "fit", "score", "--order-gb", "0", "--folder", str(tmp_path), "--out", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=600)
    text = (tmp_path / "out_of_core.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith(("| fit", "| score"))]
    assert [row[0].strip() for row in rows] == ["fit", "score"]
    assert all(float(row[3]) < 300 for row in rows), text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out_of_core.md"], "the file is deleted"
