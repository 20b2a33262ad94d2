"""Classes of the rows: of which kinds they may be, and what is no class."""

import naive_units as naive
import numpy as np
import pandas as pd
import pytest
from naive_units import Directions
from scipy import sparse

from skl_sae.inspection._units.facts import unit_facts

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 5)) + 0.2
Y = RNG.choice(["ant", "bee", "cow"], size=90)


@pytest.mark.parametrize(
    "y",
    [
        *(Y == "ant", np.where(Y == "ant", 3, 5), pd.Series(Y, dtype="category"), list(Y), Y[:, None]),
        *(pd.Series(Y, dtype="string"), pd.Series(Y == "ant", dtype="boolean"), pd.DataFrame({"kind": Y})),
    ],
)
def test_classes_of_any_kind(y):
    facts = unit_facts(Directions().fit(X), X, y=y)
    assert {each[0] for each in facts.classes[0]} == set(np.unique(y).tolist())


def test_rows_of_several_classes_or_none():
    model = Directions().fit(X)
    tags = pd.DataFrame({"old": RNG.random(90) < 0.3, "big": RNG.random(90) < 0.5, "none": False, "red": X[:, 0] > 0})
    _, on = naive.sides(model.transform(X))
    for y, names in (
        (tags, list(tags)),
        (tags.to_numpy(int), [0, 1, 2, 3]),
        (sparse.csr_array(tags.to_numpy(int)), [0, 1, 2, 3]),
    ):
        for j, classes in enumerate(unit_facts(model, X, y=y).classes[:-1]):
            assert {each[0] for each in classes} == {names[0], names[1], names[3]}
            for name, *numbers in classes:
                np.testing.assert_allclose(
                    numbers, naive.lift(on[:, j], tags.iloc[:, names.index(name)].to_numpy()), 1e-4
                )
    with pytest.raises(ValueError, match=r"Got y of shape \(90, 2\).*pass one at a time"):
        unit_facts(model, X, y=np.arange(180).reshape(90, 2) % 5)
    with pytest.raises(ValueError, match="Got 89 values of y for 90 rows"):
        unit_facts(model, X, y=tags[1:])


@pytest.mark.parametrize("y", [np.arange(90) // 2, np.append(np.arange(45), np.zeros(45, int))])
def test_many_classes(y):
    facts = unit_facts(Directions().fit(X), X, y=y)
    assert len(facts.classes[0]) == 5


@pytest.mark.parametrize("y", [np.arange(90), [f"customer {i}" for i in range(90)], np.arange(90.0)])
def test_names_of_rows_and_amounts_are_no_classes(y):
    with pytest.raises(ValueError, match="90 different values for 90 rows; expected classes"):
        unit_facts(Directions().fit(X), X, y=y)


@pytest.mark.parametrize("y", [[["old"], ["old", "big"]] * 45, [{"old"}, {"big"}] * 45, pd.Series([["old"], []] * 45)])
def test_lists_of_classes_are_refused_with_a_hint(y):
    with pytest.raises(ValueError, match="MultiLabelBinarizer"):
        unit_facts(Directions().fit(X), X, y=y)
