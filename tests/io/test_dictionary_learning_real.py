"""Files of classes of dictionary_learning, saved by PyTorch as its training does."""

import json
import zipfile

import numpy as np
import pytest
from naive_torch_files import write_archive
from real_files import D, X, assert_close, shaken

from skl_sae.io import ModelFileError, _torch_files, load

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
N = 96
CLASSES = {
    "AutoEncoder": ("dictionary", ()),
    "AutoEncoderNew": ("dictionary", ()),
    "GatedAutoEncoder": ("dictionary", ()),
    "JumpReluAutoEncoder": ("dictionary", ()),
    "AutoEncoderTopK": ("trainers.top_k", (7,)),
    "BatchTopKSAE": ("trainers.batch_top_k", (7,)),
    "MatryoshkaBatchTopKSAE": ("trainers.matryoshka_batch_top_k", (7, [40, 56])),
}


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("name", CLASSES)
def test_reads_theirs(tmp_path, torch, name, plain):
    pytest.importorskip("dictionary_learning")
    module, own = CLASSES[name]
    kind = getattr(pytest.importorskip(f"dictionary_learning.{module}"), name)
    torch.manual_seed(0)
    model = shaken(torch, kind(D, N, *own))
    if hasattr(model, "threshold"):
        with torch.no_grad():
            model.threshold.fill_(0.5)
    state = model.state_dict()
    # training saves a plain dictionary of these; others save the state itself, which keeps something beside
    torch.save({name: value.cpu() for name, value in state.items()} if plain else state, tmp_path / "ae.pt")
    (tmp_path / "config.json").write_text(json.dumps({"trainer": {"dict_class": name, "k": 7}, "buffer": {}}))
    model, sae = kind.from_pretrained(str(tmp_path / "ae.pt")), load(tmp_path)
    with torch.no_grad():
        code = model.encode(torch.tensor(X))
        expected = code.numpy(), model.decode(code).numpy()
    assert 0 < (code > 0).double().mean() < 0.7
    assert_close((sae.transform(X), sae.reconstruct(X)), expected)


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_types_of_torch(tmp_path, torch, kind):
    torch.manual_seed(0)
    shapes = {"W_enc": (D, N), "b_enc": (N,), "W_dec": (N, D), "b_dec": (D,), "threshold": (N,)}
    state = {name: (torch.randn(shape) * 0.2).to(getattr(torch, kind)) for name, shape in shapes.items()}
    state["W_enc"] = state["W_dec"].T  # a view of the same storage
    torch.save(state, tmp_path / "ae.pt")
    sae = load(tmp_path)
    encoder, bias, decoder, offset, threshold = (state[name].double().numpy() for name in shapes)
    a = X @ encoder + bias
    code = np.maximum(a, 0) * (a > threshold)
    np.testing.assert_allclose(sae.transform(X), code, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sae.reconstruct(X), code @ decoder + offset, rtol=1e-5, atol=1e-4)


def test_a_state_on_another_kind_of_file_is_refused(tmp_path, torch):
    torch.save({"W_enc": torch.zeros(3)}, tmp_path / "ae.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"before 1\.6"):
        load(tmp_path)
    torch.save(torch.nn.Linear(2, 2), tmp_path / "ae.pt")
    with pytest.raises(ValueError, match="asks for more than tensors"):
        load(tmp_path)


def test_damaged_pickles_are_read_as_pytorch_reads_them(tmp_path, torch):
    """Or refused, by one of both."""
    state = {"W": torch.randn(6, 5).T, "k": torch.tensor(3, dtype=torch.int), "b": torch.randn(4, dtype=torch.float64)}
    torch.save(state, tmp_path / "ae.pt")
    with zipfile.ZipFile(tmp_path / "ae.pt") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    path, read = tmp_path / "damaged.pt", 0
    for seed in range(3000):
        rng, pickle = np.random.default_rng(seed), bytearray(files["ae/data.pkl"])
        for _ in range(rng.integers(1, 3)):
            at, choice = int(rng.integers(len(pickle))), rng.integers(3)
            if choice:
                pickle[at] = pickle[int(rng.integers(len(pickle)))] if choice == 1 else int(rng.integers(256))
            else:
                del pickle[at : at + int(rng.integers(1, 4))]
        write_archive(path, files | {"ae/data.pkl": bytes(pickle)})
        try:
            arrays = _torch_files.read(path)
        except ModelFileError:
            continue
        try:
            expected = torch.load(path, weights_only=True)
        except Exception:  # for a device that is not there, and the like
            continue
        assert list(arrays) == list(expected), seed
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, expected[name].numpy(), err_msg=str(seed))
        read += 1
    assert 100 < read < 2900
