"""Layer-wise pre-training: what each layer learns is what the network has."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skl_sae import SparseAutoencoder
from skl_sae._training import pretraining
from skl_sae._training.training import Training
from skl_sae.sparsity import L1, RULES, BaseSparsity, BatchTopK, Gated, JumpReLU, KLDivergence

rng = np.random.default_rng(0)
X = (rng.exponential(size=(200, 4)) * (rng.random((200, 4)) < 0.5)) @ rng.normal(size=(4, 10)) + 3
ACTIVATIONS = {
    "relu": lambda a: np.maximum(a, 0),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "identity": lambda a: a,
}


def make(**params):
    few = {"n_components": 9, "hidden_layer_sizes": (14, 12), "batch_size": 32, "random_state": 0}
    return SparseAutoencoder(**{**few, "max_iter": 8, "pretrain_max_iter": 6, **params})


def score_without_training(**params):
    return make(**{**params, "learning_rate_init": 1e-30}).fit(X).score(X)


@pytest.fixture
def stages(monkeypatch):
    """``(stage, its data)`` of each layer, as trained."""
    seen, adopt, train = [], pretraining._adopt, pretraining.train

    def note_data(training, rows, *args):
        seen.append([training.network, rows.X])
        training.network.level = training.params["corruption_level"]
        return train(training, rows, *args)

    def note_stage(network, stage, layer):
        assert stage is seen[-1][0]
        adopt(network, stage, layer)
        stage.parameters.theta.flags.writeable = False

    monkeypatch.setattr(pretraining, "train", note_data)
    monkeypatch.setattr(pretraining, "_adopt", note_stage)
    return seen


def layer_of_network(network, i, h):
    """One encoder layer of a network, in NumPy."""
    weight, bias = network.encoder()[i]
    return h @ weight.T + bias


# one layer after the other


@pytest.mark.filterwarnings("ignore:output_activation='sigmoid' gives values from 0 to 1")
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("output", ["identity", "sigmoid"])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("rule", [None, L1(1e-3), KLDivergence(0.3, 1e-3)], ids=repr)
def test_the_network_is_made_of_the_layers(rule, hidden, output, batch_norm, tied, stages):
    """At each depth it encodes and reconstructs the values of the layer below as that layer's autoencoder does."""
    params = {"hidden_activation": hidden, "output_activation": output, "batch_norm": batch_norm, "tied_weights": tied}
    sae = make(sparsity=rule, pretrain="layerwise_only", **params).fit(X)
    network, P = sae._network, sae._network.parameters
    assert len(stages) == 3
    assert_array_equal(stages[0][1], X)
    h = (X - sae.mean_) / sae.scale_
    for i, (stage, below) in enumerate(stages):
        if i:
            assert_allclose(below, h, atol=1e-10)
        activation = ACTIVATIONS[sae.activation_ if i == 2 else hidden]
        z = activation(layer_of_network(network, i, h))
        x = (below - stage.scaling.offset) / stage.scaling.scale
        assert_allclose(z, activation(layer_of_network(stage, 0, x)), atol=1e-10)
        assert z.std(axis=0).max() > 1e-5
        u = z @ P[f"dec{i}.weight"] + P[f"dec{i}.bias"]
        if i:
            x_hat = ACTIVATIONS[stage.architecture.output_activation](u)
        else:
            x_hat = ACTIVATIONS[output](u)
            x_hat = sae.mean_ + sae.scale_ * x_hat if output == "identity" else x_hat
        assert_allclose(x_hat, stage.decode(z.copy()), rtol=1e-5, atol=1e-8)
        if stage.unit_norm:
            assert_allclose(np.linalg.norm(P[f"dec{i}.weight"], axis=1), 1, rtol=1e-9)
        h = z
    assert_allclose(sae.transform(X) * sae.code_scale_, z, atol=1e-10)


def test_units_of_inner_layers_are_folded_into_weights(stages):
    """So the test above is not about a scale of one and a mean of zero."""
    make(sparsity=None, pretrain="layerwise_only").fit(X)
    for stage, _ in stages:
        assert abs(stage.scaling.scale - 1) > 0.01 and abs(stage.scaling.offset).max() > 0.05


@pytest.mark.parametrize(
    "rule, hidden, expected",
    [
        (L1(0.3), "relu", [L1, L1, L1]),
        (L1(0.3), "tanh", [BaseSparsity, BaseSparsity, L1]),
        (KLDivergence(0.2), "sigmoid", [KLDivergence] * 3),
        (KLDivergence(0.2), "relu", [BaseSparsity, BaseSparsity, KLDivergence]),
        (BatchTopK(3), "relu", [BaseSparsity, BaseSparsity, BatchTopK]),
    ],
    ids=repr,
)
def test_hidden_layers_take_penalties_where_they_can(rule, hidden, expected, stages):
    make(sparsity=rule, hidden_activation=hidden, pretrain="layerwise").fit(X)
    assert [type(stage.rule) for stage, _ in stages] == expected
    assert [stage.architecture.activation for stage, _ in stages] == [hidden, hidden, rule.default_activation]
    assert [stage.architecture.encoder_sizes for stage, _ in stages] == [(10, 14), (14, 12), (12, 9)]
    assert len({id(stage.rule) for stage, _ in stages} | {id(rule)}) == 4


def test_layers_are_trained_with_the_options_of_the_fit(stages):
    """In each of them the noise makes a difference."""
    options = {"corruption": "masking"}, {"corruption": "gaussian"}, {"dropout": 0.3}, {"weight_decay": 0.1}
    for params in options:
        make(sparsity=None, pretrain="layerwise", shuffle=False, **params).fit(X)
        make(sparsity=None, pretrain="layerwise", shuffle=False).fit(X)
    for number in range(len(options)):
        noisy, plain = stages[6 * number : 6 * number + 3], stages[6 * number + 3 : 6 * number + 6]
        for (one, _), (other, _) in zip(noisy, plain):
            assert abs(one.parameters.theta - other.parameters.theta).max() > 1e-3


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("params", [{"tied_weights": True}, {"hidden_activation": "sigmoid"}, {}], ids=repr)
def test_every_layer_gets_noise_of_the_same_relative_strength(params, scale, stages):
    level = 0.4 if scale else 0.4 * np.sqrt(X.var(axis=0).mean())
    noise = {"corruption": "gaussian", "corruption_level": level, "scale": scale}
    make(sparsity=None, pretrain="layerwise", **noise, **params).fit(X)
    for stage, below in stages:
        size = stage.level * (stage.scaling.scale / np.sqrt(below.shape[1]) if stage.scaling.scaled else 1)
        assert_allclose(size, 0.4 * np.sqrt(below.var(axis=0).mean()), rtol=1e-6)


@pytest.mark.parametrize("params", [{"tied_weights": True}, {"hidden_activation": "sigmoid"}, {}], ids=repr)
def test_missing_values_are_the_first_layers_alone(params, stages):
    data = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    sae = make(sparsity=None, pretrain="layerwise_only", **params).fit(data)
    for _, below in stages[1:]:
        assert np.isfinite(below).all()
    assert_allclose(stages[0][0].scaling.fill, np.nanmean(data, axis=0))
    assert np.isfinite(sae.impute(data)).all()


# the phases


@pytest.mark.parametrize("rule", [None, *RULES])
def test_curves_of_both_phases(rule):
    sae = make(sparsity=rule, pretrain="layerwise").fit(X)
    assert [len(curve) for curve in sae.pretrain_loss_curves_] == [6, 6, 6]
    assert all(curve[-1] < curve[0] for curve in sae.pretrain_loss_curves_)
    assert len(sae.loss_curve_) == sae.n_iter_ == 8
    assert sae.n_steps_ == 8 * 7
    only = make(sparsity=rule, pretrain="layerwise_only").fit(X)
    assert only.pretrain_loss_curves_ == sae.pretrain_loss_curves_
    assert only.loss_curve_ == only.pretrain_loss_curves_[-1]
    assert (only.n_iter_, only.n_steps_, only.loss_) == (6, 6 * 7, only.loss_curve_[-1])
    assert make(sparsity=rule).fit(X).pretrain_loss_curves_ is None


@pytest.mark.parametrize(
    "params", [{}, {"hidden_activation": "tanh"}, {"tied_weights": True}, {"batch_norm": True}], ids=repr
)
def test_it_helps(params):
    """Layers alone are better than none, and training the whole from there is better still."""
    params = {"sparsity": None, "learning_rate_init": 0.01, "pretrain_max_iter": 20, **params}
    only, both = (make(pretrain=p, **params).fit(X) for p in ("layerwise_only", "layerwise"))
    assert only.score(X) > score_without_training(**params) + 0.1
    assert both.score(X) > only.score(X) + 0.01
    assert both.loss_curve_[0] < 0.8 * make(**params).fit(X).loss_curve_[0]
    assert both.loss_curve_[-1] < both.loss_curve_[0]


def test_without_hidden_layers_there_is_one_layer():
    sae = make(hidden_layer_sizes=(), pretrain="layerwise_only", dead_units="resample").fit(X)
    assert sae.pretrain_loss_curves_ == [sae.loss_curve_]
    assert sae.components_.shape == (9, 10)
    assert sae.score(X) > score_without_training(hidden_layer_sizes=()) + 0.1


def test_the_units_of_the_data_do_not_matter():
    one, other = (make(pretrain="layerwise", corruption="gaussian").fit(f * X).transform(f * X) for f in (1, 1e3))
    assert_allclose(other, one, atol=1e-6)


def test_early_stopping_watches_the_second_phase():
    sae = make(pretrain="layerwise", early_stopping=True).fit(X[:150], X_val=X[150:])
    assert [len(curve) for curve in sae.pretrain_loss_curves_] == [6, 6, 6]
    assert len(sae.validation_scores_) == sae.n_iter_
    assert sae.score(X[150:]) == max(sae.validation_scores_)


@pytest.mark.parametrize("pretrain", ["layerwise", "layerwise_only"])
def test_a_thresholded_code_is_calibrated(pretrain):
    sae = make(sparsity=BatchTopK(3), pretrain=pretrain).fit(X)
    ties = len(X) - len(np.unique(X, axis=0))  # rows of noughts are active together or not at all
    assert_allclose(np.count_nonzero(sae.transform(X)), 3 * len(X), atol=ties)
    assert 0 <= sae.dead_fraction_ < 1


@pytest.mark.parametrize("rule", [JumpReLU(), Gated(), KLDivergence(), L1(target_l0=5)], ids=repr)
def test_the_rules_own_parameters_are_those_of_the_last_layer(rule, stages):
    units = make(sparsity=rule, pretrain="layerwise_only").fit(X)._network.parameters.units
    trained = stages[-1][0].parameters
    for name, initial in trained.own.items():
        if name == "threshold" and isinstance(rule, L1):
            continue  # found anew, of rows that were held out
        assert_allclose(getattr(units, name), getattr(trained.units, name), rtol=1e-9)
        assert abs(getattr(units, name) - initial).max() > 1e-4


def test_a_layer_that_still_improves_is_no_reason_to_warn():
    make(pretrain="layerwise", learning_rate="constant", tol=1e-12, pretrain_max_iter=12).fit(X)


# going on


def test_a_fit_that_goes_on_does_not_train_the_layers_again():
    sae = make(pretrain="layerwise_only", warm_start=True, learning_rate="constant").fit(X)
    before = sae.score(X)
    sae.fit(X)
    assert sae.pretrain_loss_curves_ is None
    assert len(sae.loss_curve_) == 8
    assert sae.n_steps_ == (6 + 8) * 7
    assert sae.score(X) > before
    whole = make(pretrain="layerwise", learning_rate="constant").fit(X)
    assert_allclose(sae.loss_curve_[0], whole.loss_curve_[0], rtol=0.05)


def test_a_chunk_is_not_pretrained():
    sae, plain = make(pretrain="layerwise").partial_fit(X), make().partial_fit(X)
    assert sae.pretrain_loss_curves_ is None
    assert_array_equal(sae.transform(X), plain.transform(X))
    fitted = make(pretrain="layerwise_only").fit(X)
    loss = fitted.partial_fit(X).loss_
    assert loss < plain.loss_
    assert fitted.pretrain_loss_curves_ is not None


def test_an_interrupt_leaves_the_last_fit_as_it_was(monkeypatch):
    sae = make(pretrain="layerwise", warm_start=False).fit(X)
    before, curves = sae.transform(X), sae.pretrain_loss_curves_
    epoch, calls = Training.epoch, []

    def interrupted(self, *args, **options):
        calls.append(self)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return epoch(self, *args, **options)

    monkeypatch.setattr(Training, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sae.fit(X[:, :6])
    assert sae.n_features_in_ == 10
    assert sae.pretrain_loss_curves_ is curves
    assert_array_equal(sae.transform(X), before)


# what is told


def test_verbose_names_the_layers(capsys):
    sae = make(hidden_layer_sizes=(12,), pretrain="layerwise", verbose=True, max_iter=2, pretrain_max_iter=2).fit(X)
    curves = sae.pretrain_loss_curves_
    epochs = [f"Layer {i + 1} of 2, Epoch {j + 1} of 2, loss = {curves[i][j]:.8g}" for i in range(2) for j in range(2)]
    epochs += [f"Epoch {j + 1} of 2, loss = {sae.loss_curve_[j]:.8g}" for j in range(2)]
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("Compiling")]
    assert [line.split(", about")[0] for line in lines] == epochs


@pytest.mark.parametrize("pretrain, expected", [("layerwise", 3 * 6 + 8), ("layerwise_only", 3 * 6)])
def test_callbacks_count_all_epochs(pretrain, expected):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

    class Recorder:
        def __init__(self):
            self.promised, self.told, self.scores = None, [], []

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context):
            self.promised = context.max_subtasks if context.parent is None else self.promised

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if context.parent is not None:
                self.told.append(context.task_id)
                self.scores.append(fitted_estimator.score(X))

    recorder = Recorder()
    sae = make(pretrain=pretrain).set_callbacks(recorder).fit(X)
    assert recorder.promised == expected
    assert recorder.told == list(range(expected))
    assert np.isfinite(recorder.scores).all()
    assert_array_equal(sae.transform(X), clone(sae).fit(X).transform(X))


@pytest.mark.parametrize("sizes", [(12,), (12, 15)])
def test_the_decoder_must_mirror_the_encoder(sizes):
    with pytest.raises(ValueError, match=r"expected decoder_layer_sizes=None or \(12, 14\), got"):
        make(pretrain="layerwise", decoder_layer_sizes=sizes).fit(X)
    mirrored = make(pretrain="layerwise", decoder_layer_sizes=(12, 14)).fit(X)
    assert_array_equal(mirrored.transform(X), make(pretrain="layerwise").fit(X).transform(X))
