"""A stream of chunks holds no more after a while than at its beginning; ``python tests/soak.py`` goes on for longer."""

import os

import numpy as np
import pytest
import soak

# Seconds that the test takes; half an hour is SKL_SAE_SOAK_SECONDS=1800.
SECONDS = float(os.environ.get("SKL_SAE_SOAK_SECONDS", "60"))


@pytest.mark.slow
@pytest.mark.skipif(not soak.can_count(), reason="needs /proc and glibc 2.33")
@pytest.mark.filterwarnings("ignore")
def test_a_stream_of_chunks_grows_neither_memory_nor_threads_nor_files():
    told = soak.soak(SECONDS, every=SECONDS / 20)
    assert told[-1].chunks > 200
    assert len({each.threads for each in told}) == 1, told
    assert len({each.files for each in told}) == 1, told
    assert soak.growth(told) < soak.MOST_OF_A_CHUNK, told


@pytest.mark.slow
@pytest.mark.skipif(not soak.can_count(), reason="needs /proc and glibc 2.33")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lose", [lambda: bytearray(1024), lambda: [{} for _ in range(16)]])
def test_a_kilobyte_that_is_lost_with_each_chunk_is_found(monkeypatch, lose):
    """Whether it is one object or many small ones."""
    lost, go_on = [], soak.go_on
    monkeypatch.setattr(soak, "go_on", lambda *args: [lost.append(lose()), go_on(*args)][1])
    assert soak.growth(soak.soak(SECONDS / 2, every=SECONDS / 40)) > soak.MOST_OF_A_CHUNK


def told(memory):
    return [soak.Held(i, 100 * i, int(each), 10**8, 4, 6) for i, each in enumerate(memory)]


def test_growth_is_what_is_left_without_the_loss_curves():
    curves = 100 * soak.BYTES_OF_A_CHUNK * np.arange(10)
    assert soak.growth(told(10**8 + curves)) == 0
    assert soak.growth(told(10**8 + curves + 1000 * np.arange(10))) == pytest.approx(10)


def test_growth_is_that_of_the_whole_run():
    """Not that of a step, nor of counts that are out of line."""
    curves = 100 * soak.BYTES_OF_A_CHUNK * np.arange(12)
    step, peaks = np.where(np.arange(12) < 2, 0, 1 << 21), np.where(np.arange(12) % 5 == 3, 1 << 22, 0)
    for beside in step, peaks, step + peaks:
        assert abs(soak.growth(told(10**8 + curves + beside))) < soak.MOST_OF_A_CHUNK
        leak = 1024 * 100 * np.arange(12)
        assert soak.growth(told(10**8 + curves + beside + leak)) > soak.MOST_OF_A_CHUNK


def test_the_chunks_have_many_forms():
    rng, data = np.random.default_rng(0), np.random.default_rng(1).standard_normal((1000, soak.FEATURES))
    chunks = [soak.draw_chunk(rng, data.astype(np.float32)) for _ in range(100)]
    sizes = {X.shape[0] for X in chunks}
    assert min(sizes) == 1 and max(sizes) > 500 and len(sizes) > 30
    assert sum(hasattr(X, "toarray") for X in chunks) > 5
    assert sum(not hasattr(X, "toarray") and np.isnan(X).any() for X in chunks) > 5
    assert {X.dtype for X in chunks} == {np.dtype(np.float32), np.dtype(np.float64)}
