"""Results with the features of X are in the container that `set_output` asks for."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context, get_config
from sklearn.base import OneToOneFeatureMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae._estimator.output import like_the_input

X = np.random.default_rng(0).normal(size=(30, 4))
X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
NAMES = list("abcd")
# Before 1.9, scikit-learn does not read the names of a polars frame.
READS_POLARS = "sparse_interface" in get_config()


class Imputing(SparseAutoencoder):
    """The autoencoder, with `impute` in the configured container."""

    def impute(self, X):
        return like_the_input(self, X, super().impute(X))


class Imputer(OneToOneFeatureMixin, Imputing):
    """A subclass whose `transform` imputes."""

    def transform(self, X):
        return self.impute(X)


def make(cls=Imputing):
    return cls(8, max_iter=2, random_state=0)


def test_without_configuration_the_array_itself():
    array = np.ones((30, 4))
    assert like_the_input(make().fit(X), X, array) is array
    csr = sparse.csr_array(array)
    assert like_the_input(make().fit(X), X, csr) is csr


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("globally", [True, False])
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_container_with_the_columns_of_the_input(container, globally, named):
    library = pytest.importorskip(container)
    pandas = pytest.importorskip("pandas")
    data = X
    if named and container == "pandas":
        data = pandas.DataFrame(X, columns=NAMES, index=np.arange(30) * 2)
    elif named:
        data = library.DataFrame(X, schema=NAMES)
    sae = make().fit(data)
    plain = sae.impute(data)
    assert isinstance(plain, np.ndarray)
    if globally:
        with config_context(transform_output=container):
            frame = sae.impute(data)
    else:
        frame = sae.set_output(transform=container).impute(data)
    assert isinstance(frame, library.DataFrame)
    assert list(frame.columns) == (
        NAMES if named and (READS_POLARS or container == "pandas") else ["x0", "x1", "x2", "x3"]
    )
    np.testing.assert_array_equal(frame.to_numpy(), plain)
    if named and container == "pandas":
        assert list(frame.index) == list(data.index)


def test_the_estimators_setting_wins_over_the_global_one():
    pytest.importorskip("pandas")
    sae = make().fit(X).set_output(transform="default")
    with config_context(transform_output="pandas"):
        assert isinstance(sae.impute(X), np.ndarray)


def test_a_sparse_result_is_refused_as_in_transform():
    pytest.importorskip("pandas")
    csr = sparse.csr_array(np.nan_to_num(X))
    with pytest.raises(ValueError, match="sparse"):
        make().fit(csr).set_output(transform="pandas").impute(csr)


def test_a_subclass_whose_transform_imputes():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=NAMES)
    pipe = make_pipeline(StandardScaler(), make(Imputer)).set_output(transform="pandas")
    assert list(pipe.fit_transform(frame).columns) == NAMES


def test_a_class_without_set_output():
    class Off(Imputing, auto_wrap_output_keys=None):
        pass

    pytest.importorskip("pandas")
    with config_context(transform_output="pandas"):
        assert isinstance(make(Off).fit(X).impute(X), np.ndarray)
