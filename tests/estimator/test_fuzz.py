"""Random fits: a few in the default lane, 10,000 and more in the slow one; ``python tests/fuzz.py`` runs any number."""

import faulthandler
import os
import tempfile
from pathlib import Path

import fuzz
import fuzz_cases
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba import config

# Cases of the slow lane, in processes of so many.
CASES, OF_A_PROCESS = 10_000, 1000


@pytest.mark.filterwarnings("ignore")
def test_random_fits():
    total = fuzz.run(5 if config.DISABLE_JIT else 60, seed=0)
    assert fuzz.report(total)
    assert total["returned"] > total["fits"] / 2, "most are to be fits, not refusals"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 100 + CASES // OF_A_PROCESS))
def test_many_random_fits_neither_crash_nor_hang(seed):
    """In a process of their own: what kills it, or keeps it for `fuzz.PATIENCE` seconds, is told with its number."""
    total = fuzz.run_apart(OF_A_PROCESS, seed)
    assert fuzz.report(total)
    assert total["returned"] > OF_A_PROCESS / 2


class Drawn:
    """Stands for NumPy's generator. Hypothesis draws what decides, and simplifies it; arrays come from a drawn seed."""

    def __init__(self, draw):
        self.draw, self.generator = draw, np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.standard_normal, self.standard_cauchy = self.generator.standard_normal, self.generator.standard_cauchy

    def random(self, size=None):
        return self.draw(st.floats(0, 1, exclude_max=True)) if size is None else self.generator.random(size)

    def uniform(self, low, high):
        return self.draw(st.floats(low, high))

    def integers(self, low, high=None, size=None):
        low, high = (0, low) if high is None else (low, high)
        return self.draw(st.integers(low, high - 1)) if size is None else self.generator.integers(low, high, size)

    def choice(self, n, p=None):
        return self.draw(st.sampled_from(range(n)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "n_cases", [5 if config.DISABLE_JIT else 30, pytest.param(1000, marks=[pytest.mark.slow])], ids=["few", "many"]
)
def test_fits_that_hypothesis_chooses(n_cases):
    """Fewer cases, nearer to the corners of the parameters; the simplest that fails is told."""

    @settings(max_examples=n_cases, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data):
        with tempfile.TemporaryDirectory() as folder, fuzz.small_blocks():
            case = fuzz_cases.draw(Drawn(data.draw), folder)
            faulthandler.dump_traceback_later(fuzz.PATIENCE, exit=True)
            try:
                fuzz.run_case(case, fuzz.Counter())
            finally:
                faulthandler.cancel_dump_traceback_later()

    run()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_what_crashes_or_hangs_is_told_by_its_number(tmp_path):
    script = tmp_path / "fuzz_that_dies.py"
    tests = Path(fuzz.__file__).parent
    script.write_text(f"""
import os, signal, sys, time
sys.path.insert(0, {str(tests)!r})
import fuzz

def run(fits, seed, number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 4:
        fuzz.faulthandler.dump_traceback_later(0.5, exit=True)
        time.sleep(60)
    if number == 5:
        return {{"fits": 1, "returned": 0, "refusals": {{}}, "failures": [(5, "broken")]}}
    return {{"fits": 1, "returned": 1, "refusals": {{}}, "failures": []}}

fuzz.run = run
fuzz.main()
""")
    total = fuzz.run_apart(7, seed=0, script=str(script))
    assert (total["fits"], total["returned"]) == (7, 4)
    assert [number for number, _ in total["failures"]] == [2, 4, 5]
    crashed, hung, broken = (what for _, what in total["failures"])
    assert "died with -11" in crashed and "Segmentation fault" in crashed
    assert "died with 1" in hung and "Timeout" in hung
    assert broken == "broken"
    assert not fuzz.report(total)


def test_every_parameter_is_drawn():
    """So that a new one is not forgotten; a rule is drawn for itself, and `verbose` only prints."""
    params = [fuzz_cases.draw_params(np.random.default_rng(number), wide=False) for number in range(200)]
    assert set(params[0]) == set(fuzz.SparseAutoencoder().get_params(deep=False)) - {"sparsity", "verbose"}
    assert not {name for name in params[0] if len({repr(each[name]) for each in params}) == 1}
    assert {each["shuffle"] for each in params} == {True, False, "blocks"}


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
