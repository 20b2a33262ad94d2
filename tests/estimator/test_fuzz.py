"""A few random fits; ``python tests/fuzz.py`` runs as many as you like."""

import fuzz
import fuzz_cases
import numpy as np
import pytest
from numba import config


@pytest.mark.filterwarnings("ignore")
def test_random_fits():
    total = fuzz.run(5 if config.DISABLE_JIT else 60, seed=0)
    assert fuzz.report(total)
    assert total["returned"] > total["fits"] / 2, "most are to be fits, not refusals"


def test_cases_can_be_reproduced(tmp_path):
    for number in range(30):
        a, b = (fuzz_cases.draw(np.random.default_rng([3, number]), tmp_path) for _ in range(2))
        assert repr(a.params) == repr(b.params)
        for (method, X), (other, Y) in zip(a.calls, b.calls):
            assert method == other and fuzz.content(X) == fuzz.content(Y)


@pytest.mark.parametrize(
    "message, summary",
    [
        ("The loss became nan after 14 steps", "The loss became # after # steps"),
        ("Got k=-1.5e3, expected", "Got k=#, expected"),
    ],
)
def test_messages_are_counted_without_their_numbers(message, summary):
    assert fuzz.summarised(message) == summary


def test_a_refusal_must_speak_to_the_user():
    def refuse(message):
        raise ValueError(message)

    refusals = fuzz.Counter()
    assert fuzz.attempt(refusals, refuse, "Expected 2 rows, got 3.") is None
    assert dict(refusals) == {"Expected # rows, got #.": 1}
    for message in ("operands could not be broadcast together", "Shapes (3,) and (4,) mismatch", "bad"):
        with pytest.raises(fuzz.Broken):
            fuzz.attempt(refusals, refuse, message)
    with pytest.raises(TypeError):
        fuzz.attempt(refusals, len, 5)
