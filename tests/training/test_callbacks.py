"""Callbacks of scikit-learn 1.9: told about every epoch, given data and a usable estimator, able to stop."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skl_sae import SparseAutoencoder

callback = pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

X = np.random.default_rng(0).normal(size=(90, 6))
y = (X[:, 0] > 0).astype(int)


def make(**params):
    return SparseAutoencoder(**{"n_components": 8, "max_iter": 5, "random_state": 0, **params})


class Recorder:
    """Notes what it is told, and stops after a number of epochs."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.life, self.begun, self.ended, self.seen = [], [], [], []

    def setup(self, estimator, context):
        self.life.append("setup")

    def teardown(self, estimator, context):
        self.life.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X):
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.ended.append((context.task_name, context.task_id))
        self.seen.append((X, y, fitted_estimator))
        return context.parent is not None and context.task_id + 1 == self.stop_after


def test_every_epoch_is_told_with_data_and_a_fitted_estimator():
    recorder = Recorder()
    sae = make().set_callbacks(recorder).fit(X)
    epochs = [("epoch", i) for i in range(5)]
    assert recorder.begun == [("fit", 0), *epochs]
    assert recorder.ended == [*epochs, ("fit", 0)]
    assert recorder.life == ["setup", "teardown"]
    for data, target, fitted in recorder.seen:
        assert_array_equal(data, X)
        assert target is data
        assert fitted.transform(X).shape == (90, 8)
        assert np.isfinite(fitted.score(X))
    assert_array_equal(recorder.seen[-1][2].transform(X), sae.transform(X))


def test_snapshots_are_the_weights_of_their_epoch():
    recorder = Recorder()
    make(learning_rate="constant").set_callbacks(recorder).fit(X)
    for epochs in (1, 3):
        expected = make(learning_rate="constant", max_iter=epochs).fit(X)
        assert_array_equal(recorder.seen[epochs - 1][2].transform(X), expected.transform(X))


def test_a_callback_can_end_the_fit():
    recorder = Recorder(stop_after=2)
    sae = make(learning_rate="constant").set_callbacks(recorder).fit(X)
    assert sae.n_iter_ == len(sae.loss_curve_) == 2
    assert recorder.ended[-1] == ("fit", 0)
    assert_array_equal(sae.transform(X), make(learning_rate="constant", max_iter=2).fit(X).transform(X))


def test_a_stop_by_a_callback_keeps_the_best_weights():
    recorder = Recorder(stop_after=3)
    sae = make(early_stopping=True, max_iter=30).set_callbacks(recorder).fit(X[:60], X_val=X[60:])
    assert sae.n_iter_ == 3
    assert sae.score(X[60:]) == max(sae.validation_scores_)
    assert_array_equal(recorder.seen[-1][2].transform(X), sae.transform(X))


def test_callbacks_do_not_change_the_fit():
    assert_array_equal(make().set_callbacks(Recorder()).fit(X).transform(X), make().fit(X).transform(X))


def test_callbacks_are_torn_down_after_a_failure():
    recorder = Recorder()
    diverging = make(solver="sgd", learning_rate_init=1e9, max_iter=99).set_callbacks(recorder)
    with pytest.raises(ValueError, match="diverged"):
        diverging.fit(X)
    assert recorder.life == ["setup", "teardown"]


def test_a_monitor_scores_every_epoch():
    monitor = callback.ScoringMonitor(scoring={"explained": lambda estimator, X, y: estimator.score(X)})
    sae = make(learning_rate="constant").set_callbacks(monitor).fit(X)
    log = monitor.get_logs(select="most_recent").data
    assert [row["task_id"] for row in log if row["task_name"] == "epoch"] == [0, 1, 2, 3, 4]
    assert [row["explained"] for row in log if row["task_name"] == "epoch"][-1] == sae.score(X)


def test_a_progress_bar_shows_the_epochs_of_a_fit(capsys):
    """The one that the extra `progress` is for: all epochs are done at its end, and the fit has the same bits."""
    pytest.importorskip("rich")
    sae = make().set_callbacks(callback.ProgressBar()).fit(X)
    out = capsys.readouterr().out
    assert "SparseAutoencoder" in out and "100%" in out
    assert_array_equal(sae.transform(X), make().fit(X).transform(X))
    chunks = make().set_callbacks(callback.ProgressBar())
    assert_array_equal(chunks.partial_fit(X).transform(X), make().partial_fit(X).transform(X))


def test_progress_bars_reach_the_epochs_inside_a_grid_search(capsys):
    pytest.importorskip("rich")
    pipeline = Pipeline([("sae", make()), ("classifier", LogisticRegression())])
    search = GridSearchCV(pipeline, {"sae__sparsity__k": [1, 4]}, cv=2)
    plain = clone(search).fit(X, y)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X, y)
    out = capsys.readouterr().out
    assert "SparseAutoencoder" in out
    assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
