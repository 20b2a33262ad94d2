"""One flat vector, and the views on it."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skl_sae._model.architecture import Architecture
from skl_sae._model.parameters import Parameters

SIZES = [
    ((4, 9), (4, 9)),
    ((4, 5, 9), (4, 5, 9)),
    ((4, 6, 5, 9), (4, 6, 5, 9)),
    ((4, 9), (4, 5, 7, 9)),
    ((4, 6, 9), (4, 9)),
]
CASES = [(e, d, tied) for (e, d), tied in itertools.product(SIZES, [False, True]) if e == d or not tied]
each_case = pytest.mark.parametrize("encoder, decoder, tied", CASES)


def make(encoder, decoder, tied, dtype=np.float64):
    p = Parameters(
        Architecture(encoder, decoder, "relu", tied=tied, dtype=np.dtype(dtype)), {"gain": 2.0, "threshold": 0.1}
    )
    p.theta[:] = np.arange(p.theta.size)
    return p


def depth(name, p):
    """Number of the layer that a parameter belongs to; the rule's are the code layer's."""
    return p.architecture.encoder_depth - 1 if name.startswith("rule") else int(name[3 : name.index(".")])


@each_case
def test_views_cover_theta_once(encoder, decoder, tied):
    """Every weight (inner, outer), every bias as long as its layer's output, all from one vector."""
    p = make(encoder, decoder, tied)
    named = {n: v for n, v in p.views.items() if not (tied and n.startswith("dec") and n.endswith("weight"))}
    assert_array_equal(np.sort(np.concatenate([v.ravel() for v in named.values()])), p.theta)
    for i, (outer, inner) in enumerate(itertools.pairwise(encoder)):
        assert p[f"enc{i}.weight"].shape == (inner, outer) and p[f"enc{i}.bias"].shape == (inner,)
    for i, (outer, inner) in enumerate(itertools.pairwise(decoder)):
        assert p[f"dec{i}.weight"].shape == (inner, outer) and p[f"dec{i}.bias"].shape == (outer,)
    for name, view in p.views.items():
        assert view.ravel()[0] == p.start[name]
    p.theta[:] = -1
    assert all((view == -1).all() for view in p.views.values())


@each_case
def test_layers_stand_in_pairs(encoder, decoder, tied):
    """Outermost first: the layers up to any depth are one slice, so that pre-training can work on it."""
    p = make(encoder, decoder, tied)
    depths = [depth(name, p) for name in sorted(p.shapes(), key=p.start.get)]
    assert depths == sorted(depths)


@each_case
def test_units_are_views(encoder, decoder, tied):
    p = make(encoder, decoder, tied)
    last_e, last_d = len(encoder) - 2, len(decoder) - 2
    kind = p.architecture
    assert kind.n_units == 9 and (kind.encoder_depth, kind.decoder_depth) == (last_e + 1, last_d + 1)
    p.units.block(2, 4).encoder[:] = -1
    assert (p[f"enc{last_e}.weight"][2:4] == -1).all() and (p.theta == -1).sum() == 2 * encoder[-2]
    p.units.block(2, 4).decoder[:] = -2
    assert (p[f"dec{last_d}.weight"][2:4] == -2).all()
    p.units.block(2, 4).threshold[:] = -3
    assert (p["rule.threshold"][2:4] == -3).all()
    assert np.shares_memory(p.units.encoder_bias, p.theta)
    for short, name in p.unit_names.items():
        assert np.shares_memory(getattr(p.units, short), p[name])


@each_case
def test_tied_layers_are_one_array(encoder, decoder, tied):
    p = make(encoder, decoder, tied)
    for i in range(min(p.architecture.encoder_depth, p.architecture.decoder_depth)):
        assert np.shares_memory(p[f"enc{i}.weight"], p[f"dec{i}.weight"]) == tied
        assert (p.start[f"enc{i}.weight"] == p.start[f"dec{i}.weight"]) == tied


@each_case
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))], ids=["copy", "pickle"])
def test_copies_have_views_of_their_own_vector(encoder, decoder, tied, duplicate):
    p = make(encoder, decoder, tied)
    q = duplicate(p)
    assert not np.shares_memory(p.theta, q.theta)
    assert list(q.views) == list(p.views) and q.start == p.start
    q.theta[:] = 7
    assert all((view == 7).all() for view in [*q.views.values(), *vars(q.units).values()])
    assert_array_equal(p.theta, np.arange(p.theta.size))


def test_pickle_holds_the_vector_once():
    architecture = Architecture((300, 400), (300, 400), "relu", tied=True, dtype=np.dtype(np.float32))
    p = Parameters(architecture, {})
    assert len(pickle.dumps(p)) < 1.1 * p.theta.nbytes


def test_pickles_of_before_have_their_numbers_in_the_same_places():
    """A pickle of a named tuple knows no names."""
    before = (4, 3), (3, 4), "relu", "relu", "identity", "squared_error", False, False, False, np.dtype(np.float32)
    architecture = Architecture(*before)
    assert architecture.dtype == np.float32 and architecture.positive_decoder is False
