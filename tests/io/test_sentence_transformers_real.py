"""Folders that sentence-transformers writes and reads itself, and a model of ours inside of one of its."""

import numpy as np
import pytest
from real_files import D, X, assert_close, shaken

from skl_sae import SparseAutoencoder
from skl_sae.io import load, save
from skl_sae.sparsity import TopK

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def modules(torch):
    pytest.importorskip("sentence_transformers")
    return pytest.importorskip("sentence_transformers.sparse_encoder.modules")


def results(torch, module):
    """Codes and reconstructions of a module."""
    with torch.no_grad():
        features = module.eval()({"sentence_embedding": torch.tensor(X)})
    return features["sentence_embedding"].numpy(), features["decoded_embedding_k"].numpy()


def test_reads_theirs(tmp_path, torch, modules):
    torch.manual_seed(0)
    module = shaken(torch, modules.SparseAutoEncoder(D, 96, k=7, k_aux=20))
    module.save(str(tmp_path))
    sae = load(tmp_path)
    assert_close((sae.transform(X), sae.reconstruct(X)), results(torch, module))


@pytest.mark.parametrize("scale", [False, "total"])
def test_they_read_ours(tmp_path, torch, modules, scale):
    options = {"tied_weights": True, "scale": scale, "max_iter": 5, "random_state": 0}
    sae = SparseAutoencoder(80, sparsity=TopK(6), **options).fit(X)
    save(sae, tmp_path / "sae", "sentence_transformers")
    module = modules.SparseAutoEncoder.load(str(tmp_path / "sae"))
    factor = sae.scale_ * sae.code_scale_
    assert_close(results(torch, module), (factor * sae.transform(X), sae.reconstruct(X)))
    (tmp_path / "again").mkdir()
    module.save(str(tmp_path / "again"))
    assert_close((load(tmp_path / "again").transform(X),), (factor * sae.transform(X),))


def test_ours_runs_inside_of_a_model(tmp_path, torch, modules):
    """Behind words that are vectors of numbers, as a model of a real encoder is behind its pooling."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    bag = pytest.importorskip("sentence_transformers.sentence_transformer.modules").BoW([f"word{n}" for n in range(40)])
    texts = [" ".join(f"word{n}" for n in np.random.default_rng(row).integers(0, 40, 12)) for row in range(60)]
    dense = sentence_transformers.SentenceTransformer(modules=[bag], device="cpu")
    embeddings = dense.encode(texts).astype(np.float32)
    options = {"tied_weights": True, "scale": "total", "max_iter": 20, "random_state": 0}
    sae = SparseAutoencoder(64, sparsity=TopK(5), **options).fit(embeddings)
    save(sae, tmp_path / "sae", "sentence_transformers")
    module = modules.SparseAutoEncoder.load(str(tmp_path / "sae"))
    model = sentence_transformers.SparseEncoder(modules=[bag, module], device="cpu")
    codes = model.encode(texts, convert_to_sparse_tensor=False).numpy()
    assert_close((codes,), (sae.scale_ * sae.code_scale_ * sae.transform(embeddings),))
    assert (codes > 0).sum(axis=1).max() <= 5
    model.save(str(tmp_path / "model"))
    (folder,) = (path.parent for path in (tmp_path / "model").rglob("config.json") if "SparseAuto" in str(path))
    assert_close((load(folder).transform(embeddings),), (codes,))
