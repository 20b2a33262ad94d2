"""skops, and joblib with mapped arrays: what they keep is the same model."""

import mmap
import re
from pathlib import Path

import joblib
import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from test_own import FITTED, GOES_ON, MORE, X, make, mapped, plain, quiet, rows

from skl_sae import SparseAutoencoder, SparseAutoencoderImputer
from skl_sae._model.stored_network import StoredNetwork

__all__ = ["quiet"]
PAGE = (Path(__file__).parents[2] / "docs" / "exchange.rst").read_text(encoding="utf-8")
#: The types that the page says an autoencoder is made of.
TYPES = set(re.findall(r"^ *((?:skl_sae|numpy|builtins)\.[\w.]+)$", PAGE.partition("Pickles and skops\n===")[2], re.M))


@pytest.mark.parametrize("name", FITTED)
def test_an_autoencoder_comes_back_and_goes_on(name):
    sae = FITTED[name]()
    content = skops.io.dumps(sae)
    types = skops.io.get_untrusted_types(data=content)
    if type(sae) is SparseAutoencoder:
        assert {each for each in types if not each.startswith("skl_sae.sparsity.")} <= TYPES
    again = skops.io.loads(content, trusted=types)
    data = rows(sae)
    assert plain(again.transform(data)) == plain(sae.transform(data))
    if name in GOES_ON and not sae.early_stopping and not isinstance(sae._network, StoredNetwork):
        ours, theirs = (each.partial_fit(data) for each in (sae, again))
        assert plain(theirs.transform(data)) == plain(ours.transform(data))


def test_a_pipeline_and_an_imputer_come_back():
    pipe = make_pipeline(SparseAutoencoderImputer(make()), MinMaxScaler(), make()).fit(X)
    content = skops.io.dumps(pipe)
    again = skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    assert plain(again.transform(X)) == plain(pipe.transform(X))


def test_nothing_is_made_of_a_type_that_is_not_trusted():
    content = skops.io.dumps(make().fit(X))
    with pytest.raises(Exception, match=r"SparseAutoencoder"):
        skops.io.loads(content, trusted=[])


def test_joblib_maps_arrays(tmp_path):
    sae = make(warm_start=True, n_components=40).fit(X)
    joblib.dump(sae, tmp_path / "sae.joblib")
    again = joblib.load(tmp_path / "sae.joblib", mmap_mode="r")
    assert isinstance(mapped(again._network.parameters.theta), mmap.mmap)
    assert plain(again.transform(X)) == plain(sae.transform(X))
    assert plain(again.partial_fit(MORE).transform(X)) == plain(sae.partial_fit(MORE).transform(X))
