"""Files that sparsify and latentsae write and read themselves."""

import numpy as np
import pytest
from real_files import D, X, assert_close, shaken

from skl_sae import SparseAutoencoder
from skl_sae.io import load, save
from skl_sae.sparsity import TopK

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def sparsify(torch):
    return pytest.importorskip("sparsify")


def dense(torch, acts, index, units):
    """Codes of all units, from those of some."""
    return torch.zeros(len(acts), units, dtype=acts.dtype).scatter_(1, index, acts).detach().numpy()


def results(torch, model, data=X):
    """Codes and reconstructions of a model of sparsify."""
    x = torch.tensor(data)
    code = model.encode(x)
    return dense(torch, code.top_acts, code.top_indices, model.num_latents), model(x).sae_out.detach().numpy()


@pytest.mark.parametrize("kind", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("options", [{}, {"skip_connection": True}, {"num_latents": 96, "multi_topk": True}])
def test_reads_theirs(tmp_path, torch, sparsify, kind, options):
    torch.manual_seed(0)
    config = sparsify.SparseCoderConfig(**({"k": 7, "expansion_factor": 2} | options))
    shaken(torch, sparsify.SparseCoder(D, config, dtype=getattr(torch, kind))).save_to_disk(tmp_path / "sae")
    model = sparsify.SparseCoder.load_from_disk(tmp_path / "sae")
    model, data = (model.double(), X.astype(np.float64)) if kind == "float64" else (model.float(), X)
    sae = load(tmp_path / "sae")
    model.cfg.multi_topk = False  # which makes its forward, but not its encode and decode, use four times as many units
    assert_close((sae.transform(data), sae.reconstruct(data)), results(torch, model, data))


@pytest.mark.parametrize("options", [{}, {"skip": True, "scale": False}, {"scale": "features"}])
def test_they_read_ours(tmp_path, torch, sparsify, options):
    sae = SparseAutoencoder(80, sparsity=TopK(6), max_iter=5, random_state=0, **options).fit(X)
    save(sae, tmp_path / "sae", "sparsify")
    model = sparsify.SparseCoder.load_from_disk(tmp_path / "sae")
    assert_close(results(torch, model), (sae.transform(X), sae.reconstruct(X)))
    model.save_to_disk(tmp_path / "again")
    assert_close((load(tmp_path / "again").transform(X),), (sae.transform(X),))


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("kind", ["topk", "abstopk", "jumprelu", "batchtopk"])
def test_reads_latentsae(tmp_path, torch, kind, centred):
    latentsae = pytest.importorskip("latentsae")
    torch.manual_seed(0)
    options = {"sae_type": latentsae.SaeType(kind), "mean_center": centred, "expansion_factor": 2}
    config = latentsae.SaeConfig(k=128 if kind == "batchtopk" else 7, batchtopk_threshold=0.7, **options)
    model = shaken(torch, latentsae.Sae(D, config)).eval()
    with torch.no_grad():
        if kind == "jumprelu":
            model.log_threshold.fill_(-0.5)
        if centred:
            model.input_mean.copy_(torch.tensor(X.mean(axis=0)))
    model.save_to_disk(tmp_path / "sae")
    x, sae = torch.tensor(X), load(tmp_path / "sae")
    code = model.encode(x)
    expected = dense(torch, code.top_acts, code.top_indices, 128), model(x).sae_out.detach().numpy()
    assert 0 < (expected[0] != 0).mean() < 0.6
    assert_close((sae.transform(X), sae.reconstruct(X)), expected)
