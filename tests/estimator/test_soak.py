"""A stream of chunks holds no more after a while than at its beginning; ``python tests/soak.py`` goes on for longer."""

import os
import sys

import numpy as np
import pytest
import soak

# Seconds that the test takes; half an hour is SKL_SAE_SOAK_SECONDS=1800.
SECONDS = float(os.environ.get("SKL_SAE_SOAK_SECONDS", "60"))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.filterwarnings("ignore")
def test_a_stream_of_chunks_grows_neither_memory_nor_threads_nor_files(capsys):
    told = soak.soak(SECONDS, every=SECONDS / 20)
    assert told[-1].chunks > 200
    assert len({each.threads for each in told}) == 1, told
    assert len({each.files for each in told}) == 1, told
    assert soak.growth(told) < 4 << 20, [each.memory for each in told]


def test_growth_is_what_is_left_without_the_loss_curves():
    def told(step, n=10):
        return [soak.Held(i, 100 * i, 10**8 + (step + 100 * soak.BYTES_OF_A_CHUNK) * i, 4, 6) for i in range(n)]

    assert soak.growth(told(0)) == 0
    assert soak.growth(told(1000)) == pytest.approx(5000)


def test_the_chunks_have_many_forms():
    rng, data = np.random.default_rng(0), np.random.default_rng(1).standard_normal((1000, soak.FEATURES))
    chunks = [soak.draw_chunk(rng, data.astype(np.float32)) for _ in range(100)]
    sizes = {X.shape[0] for X in chunks}
    assert min(sizes) == 1 and max(sizes) > 500 and len(sizes) > 30
    assert sum(hasattr(X, "toarray") for X in chunks) > 5
    assert sum(not hasattr(X, "toarray") and np.isnan(X).any() for X in chunks) > 5
    assert {X.dtype for X in chunks} == {np.dtype(np.float32), np.dtype(np.float64)}
