"""Watching a flag for a moment."""

import threading
import time

import pytest

from skl_sae._kernels import waiting
from skl_sae._kernels.threads import run
from skl_sae._kernels.waiting import answer_and_watch, new_flag, watch

needs_pauses = pytest.mark.skipif(not waiting.WATCHES, reason="this processor has no cheap pause")


def seconds(work, *args):
    start = time.perf_counter()
    work(*args)
    return time.perf_counter() - start


def test_a_watch_ends_by_itself(monkeypatch):
    watch(new_flag(), 1)  # compiles
    assert min(seconds(watch, new_flag(), 1) for _ in range(20)) < 0.01
    if waiting.WATCHES:
        monkeypatch.setattr(waiting, "PATIENCE", 1_000_000)
        assert seconds(watch, new_flag(), 1) > 0.001


@needs_pauses
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_flag_that_is_up_is_seen_at_once(count, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", 10**12)  # hours
    flag = new_flag()
    flag[0] = 3
    watch(flag, count)


@needs_pauses
def test_a_flag_is_seen_when_another_thread_raises_it(monkeypatch):
    """The GIL is free meanwhile, and the answer is given before the watch."""
    monkeypatch.setattr(waiting, "PATIENCE", 10**12)
    flag, answer, seen = new_flag(), new_flag(), []

    def work():
        answer_and_watch(answer, flag, 1)
        seen.append(True)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    watch(answer, 1)
    assert not seen
    flag[0] += 1
    thread.join(20)
    assert seen


@pytest.mark.parametrize("watches", [False, True])
def test_the_pool_needs_no_watching(watches, monkeypatch):
    """Locks alone order the threads: nothing depends on how long a flag is watched."""
    if watches:
        monkeypatch.setattr(waiting, "PATIENCE", 0)
    else:
        monkeypatch.setattr(waiting, "WATCHES", False)
    for n in range(200):
        done = []
        run(lambda block, slot: done.append(block), n % 7)  # noqa: B023
        assert sorted(done) == list(range(n % 7))
