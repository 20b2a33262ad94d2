"""Data is encoded once beside the first look at some rows, and never held as codes of all rows that are dense."""

import numpy as np
import pandas as pd
import pytest
from naive_units import Directions

from skl_sae.inspection import UnitDisplay, compare_data, describe_units, find_units, top_examples, unit_report
from skl_sae.inspection._units.facts import unit_facts

X = np.random.default_rng(0).standard_normal((60, 9))
SURVEYED = 10


class Counted(Directions):
    """Counts the rows that it encodes and decodes."""

    rows = decoded = 0

    def transform(self, X):
        Counted.rows += len(X)
        return super().transform(X)

    def inverse_transform(self, codes):
        Counted.decoded += codes.shape[0]
        return super().inverse_transform(codes)


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr("skl_sae.inspection._units.survey._ROWS", SURVEYED)
    fitted = Counted(signed=True).fit(X)
    Counted.rows = Counted.decoded = 0
    return fitted


def card(model, X, **options):
    pytest.importorskip("matplotlib.pyplot")
    return UnitDisplay.from_estimator(model, X, 0, **options).figure_.clear()


@pytest.mark.parametrize("show", [card, unit_report, describe_units, top_examples, find_units])
def test_each_row_is_encoded_once(model, show):
    show(model, X, **({"column": "x0"} if show is find_units else {}))
    assert Counted.rows == SURVEYED + len(X)


def test_two_sets_are_encoded_once(model):
    compare_data(model, X[:30], X[30:], n_permutations=9, random_state=0)
    assert Counted.rows == SURVEYED + len(X)


def test_examples_need_no_reconstruction(model):
    found = top_examples(model, X, units=[2, 0])
    assert Counted.decoded <= 1  # that of a code of zeros, for the number of columns
    facts = unit_facts(model, X)
    assert found.loc[2, "row"].tolist() == facts.top_rows[2].tolist()
    pd.testing.assert_frame_equal(found.loc[[0]], top_examples(model, X, units=0))


@pytest.mark.parametrize("options", [{"feature_names": ["a", "b"]}, {"confidence": 95}, {"y": X[:, 0]}, {"n_top": 0}])
def test_wrong_arguments_are_told_before_rows_are_encoded(model, options):
    with pytest.raises(ValueError, match="expected"):
        describe_units(model, X, **options)
    assert Counted.rows == 0
