"""SAELens itself writes and reads: the same codes and reconstructions both ways. Needs sae-lens; slow lane."""

import warnings

import numpy as np
import pytest
from exchange_files import N_FEATURES, N_UNITS, K, assert_computes
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.io import load, save
from skl_sae.sparsity import L1

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # of torch and of the library
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")
    sae_lens = pytest.importorskip("sae_lens")
    from sae_lens.saes import sae as base
torch.set_num_threads(1)  # they would wait for one another on a machine that has other work

NAMES = {
    **{"standard": "Standard", "topk": "TopK", "abstopk": "AbsTopK", "jumprelu": "JumpReLU", "gated": "Gated"},
    **{"batchtopk": "BatchTopK", "matryoshka_batchtopk": "MatryoshkaBatchTopK"},
}
OWN = {
    **{name: {"k": K} for name in ("topk", "abstopk", "batchtopk")},
    "matryoshka_batchtopk": {"k": K, "matryoshka_widths": [6, 12, N_UNITS]},
    "jumprelu": {"jumprelu_init_threshold": 0.05, "jumprelu_bandwidth": 0.5},
}


def data(n=512):
    random = np.random.default_rng(0)
    atoms = random.standard_normal((40, N_FEATURES))
    codes = random.exponential(size=(n, 40)) * (random.random((n, 40)) < 0.1)
    return (codes @ atoms + 0.1 * random.standard_normal((n, N_FEATURES)) + 0.5).astype(np.float32)


def trained(architecture, n_steps=100, **settings):
    """A model that SAELens trains for some steps."""
    torch.manual_seed(0)
    name = NAMES[architecture]
    module = __import__(f"sae_lens.saes.{architecture}_sae", fromlist=[""])
    make = getattr(module, f"{name}TrainingSAEConfig")
    cfg = make(d_in=N_FEATURES, d_sae=N_UNITS, **OWN.get(architecture, {}), **settings)
    sae = getattr(module, f"{name}TrainingSAE")(cfg)
    with torch.no_grad():  # weights of before the training are each other's transposes
        sae.W_enc.add_(0.3 * torch.randn_like(sae.W_enc))
        sae.b_dec.add_(torch.randn_like(sae.b_dec))
    optimizer, X = torch.optim.Adam(sae.parameters(), lr=3e-3), torch.tensor(data())
    for step in range(n_steps):
        rows = X[torch.randint(0, len(X), (64,))]
        coefficients = dict.fromkeys(sae.get_coefficients(), 0.01)
        options = {"coefficients": coefficients, "dead_neuron_mask": None, "n_training_steps": step}
        output = sae.training_forward_pass(base.TrainStepInput(sae_in=rows, is_logging_step=False, **options))
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
    return sae.eval()


def numbers(sae, X):
    """Codes and reconstructions of SAELens."""
    with torch.no_grad():
        codes = sae.encode(torch.tensor(X))
        return codes.numpy(), sae.decode(codes).numpy()


def theirs(folder):
    return sae_lens.SAE.load_from_disk(folder)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("architecture", NAMES)
def test_reads_what_it_has_finished(tmp_path, architecture, centred):
    trained(architecture, apply_b_dec_to_input=centred).save_inference_model(tmp_path)
    X = data()
    codes, reconstruction = numbers(theirs(tmp_path), X)
    assert 0.01 < (codes != 0).mean() < 0.9
    sae = load(tmp_path)
    assert_computes(sae, X, codes, reconstruction)
    if architecture in ("batchtopk", "matryoshka_batchtopk"):
        kept = sae.file_metadata_["saelens"]["metadata"]
        assert kept["training_architecture"] == architecture


@pytest.mark.parametrize("rescaled", [True, False])
@pytest.mark.parametrize("architecture", ["topk", "abstopk"])
def test_reads_units_chosen_by_norms(tmp_path, architecture, rescaled):
    sae = trained(architecture, rescale_acts_by_decoder_norm=rescaled)
    sae.save_model(tmp_path)  # not finished: the norms are not in the encoder
    assert_computes(load(tmp_path), data(), *numbers(theirs(tmp_path), data()))


@pytest.mark.parametrize("normalization", ["expected_average_only_in", "covariance_whitening"])
@pytest.mark.parametrize("architecture", NAMES)
def test_reads_what_it_has_not_finished(tmp_path, architecture, normalization):
    """A checkpoint, with the statistics of the data beside it, is read as what SAELens makes of it at the end."""
    from sae_lens.training.activation_scaler import ActivationScaler

    scaler, batches, X = ActivationScaler(), iter(lambda: torch.tensor(3 * data() + 1), None), 3 * data() + 1
    if normalization == "covariance_whitening":
        scaler.estimate_whitening(N_FEATURES, batches, 2)
    else:
        scaler.estimate_scaling_factor(N_FEATURES, batches, 2)
    sae = trained(architecture, normalize_activations=normalization)
    sae.save_model(tmp_path / "checkpoint")
    scaler.save(str(tmp_path / "checkpoint" / "activation_scaler.json"))
    if normalization == "covariance_whitening":
        maps = scaler.whitening
        sae.fold_activation_whitening(maps.mean, maps.matrix, maps.inverse_matrix)
    else:
        sae.fold_activation_norm_scaling_factor(scaler.scaling_factor)
    sae.save_inference_model(tmp_path / "finished")
    expected = numbers(theirs(tmp_path / "finished"), X)
    assert 0.01 < (expected[0] != 0).mean() < 0.95
    assert_computes(load(tmp_path / "checkpoint"), X, *expected)
    assert_computes(load(tmp_path / "finished"), X, *expected)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "gated"])
def test_reads_its_types(tmp_path, architecture, dtype):
    trained(architecture).to(dtype=getattr(torch, dtype)).save_inference_model(tmp_path)
    wide = sae_lens.SAE.load_from_disk(tmp_path, dtype="float64" if dtype == "float64" else "float32")
    X = data().astype(np.float64 if dtype == "float64" else np.float32)
    assert_computes(load(tmp_path), X, *numbers(wide, X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", ["auto", False])
@pytest.mark.parametrize(
    "rule", ["topk", "abs_topk", "batch_topk", "matryoshka", "jumprelu", "gated", "l1", L1(target_l0=5), None]
)
def test_it_reads_what_is_written(tmp_path, rule, scale, dtype):
    X = load_digits(return_X_y=True)[0].astype(dtype) + 20
    sae = SparseAutoencoder(32, sparsity=rule, scale=scale, max_iter=3, random_state=0).fit(X)
    save(sae, tmp_path, format="saelens")
    codes, reconstruction = numbers(theirs(tmp_path), X)
    assert_computes(sae, X, codes, reconstruction)
    assert theirs(tmp_path).cfg.metadata.training_library.startswith("skl_sae")


@pytest.mark.parametrize("architecture", NAMES)
def test_there_and_back_again(tmp_path, architecture):
    """From SAELens to here, to SAELens, with its metadata."""
    model = trained(architecture)
    model.cfg.metadata.hook_name, model.cfg.metadata.notes = "blocks.3.hook_resid_post", {"a": [1, None]}
    model.save_inference_model(tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b", format="saelens")
    first, second = theirs(tmp_path / "a"), theirs(tmp_path / "b")
    for mine, expected in zip(numbers(second, data()), numbers(first, data())):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-5 * abs(expected).max())
    known = {"l0", "num_dead_features"}  # what the file did not say, and is known here
    kept = {name: value for name, value in second.cfg.metadata.items() if name not in known}
    assert kept == {**first.cfg.metadata.to_dict()} and kept["notes"] == {"a": [1, None]}
