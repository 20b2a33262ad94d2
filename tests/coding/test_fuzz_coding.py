"""Random problems against the slow twins; more of them with ``-m slow``."""

import fuzz_coding
import pytest
from numba import config


@pytest.mark.parametrize("n_problems", [40 if config.DISABLE_JIT else 300, pytest.param(2000, marks=pytest.mark.slow)])
def test_nothing_differs_from_the_twins(n_problems):
    failures, seen = fuzz_coding.fuzz(range(n_problems), seed=1)
    assert not failures, "\n".join(text for _, text in failures)
    assert {"omp", "lasso", "fista", "threshold", "topk", "iht", "basis_pursuit", "infeasible"} <= set(seen)
