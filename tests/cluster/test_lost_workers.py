"""Workers that are killed, restarted or sent away in the middle of a fit: the result has the same bits."""

import os
import signal
import threading

import pytest
from sklearn.base import clone
from twins import assert_equal

from skl_sae.dask import fit
from skl_sae.dask._cluster import ATTEMPTS, Cluster, ClusterError, Sent


@pytest.fixture
def undisturbed(client, sae, blocks):
    return fit(clone(sae), blocks)


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def once_in(monkeypatch, cls, method, wanted, action):
    """Do something at the first call of a method with these arguments, just after it has begun."""
    original, done = getattr(cls, method), []

    def call(self, *args):
        if wanted(*args) and not done:
            done.append(True)
            timer = threading.Timer(0.02, action)
            timer.start()
            try:
                return original(self, *args)
            finally:
                timer.join()
        return original(self, *args)

    monkeypatch.setattr(cls, method, call)
    return done


def test_a_worker_is_killed_in_the_middle_of_a_round(client, monkeypatch, sae, blocks, undisturbed):
    pid = next(iter(client.run(os.getpid).values()))
    done = once_in(monkeypatch, Cluster, "_attempt", lambda name, *rest: name == "round-2", lambda: kill(pid))
    assert_equal(fit(clone(sae), blocks), undisturbed)
    assert done


@pytest.mark.slow
@pytest.mark.parametrize("name", ["look", "sample", "round-1", "round-3"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_is_killed_at_any_time(client, monkeypatch, sae, blocks, undisturbed, name, which):
    pid = list(client.run(os.getpid).values())[which]
    done = once_in(monkeypatch, Cluster, "_attempt", lambda now, *rest: now == name, lambda: kill(pid))
    assert_equal(fit(clone(sae), blocks), undisturbed)
    assert done


@pytest.mark.slow
def test_all_workers_are_killed(client, monkeypatch, sae, digits):
    """Also what was sent from here is lost, and sent again."""
    undisturbed, pids = fit(clone(sae), digits, block_rows=600), client.run(os.getpid).values()

    def action():
        for pid in pids:
            kill(pid)

    once_in(monkeypatch, Cluster, "_attempt", lambda name, *rest: name == "round-2", action)
    assert_equal(fit(clone(sae), digits, block_rows=600), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3])
def test_a_worker_is_killed_while_values_are_sent(client, monkeypatch, sae, blocks, undisturbed, number):
    pids, original, calls = list(client.run(os.getpid).values()), Sent._send, []

    def send(self, values):
        calls.append(values)
        if len(calls) == 3:
            threading.Timer(0.001 * number, lambda: kill(pids[number % 2])).start()
        return original(self, values)

    monkeypatch.setattr(Sent, "_send", send)
    assert_equal(fit(clone(sae), blocks), undisturbed)


@pytest.mark.slow
def test_a_worker_is_restarted(client, monkeypatch, sae, blocks, undisturbed):
    address = next(iter(client.run(os.getpid)))

    def action():
        client.restart_workers([address], timeout=60, raise_for_error=False)

    once_in(monkeypatch, Cluster, "_attempt", lambda name, *rest: name == "round-2", action)
    assert_equal(fit(clone(sae), blocks), undisturbed)


def test_a_worker_is_sent_away_and_another_joins(client, cluster, monkeypatch, sae, blocks, undisturbed):
    """As an adaptive cluster does."""
    once_in(monkeypatch, Cluster, "_attempt", lambda name, *rest: name == "round-1", lambda: cluster.scale(1))
    original = Cluster._attempt

    def attempt(self, name, *rest):
        if name == "round-3":
            cluster.scale(2)
        return original(self, name, *rest)

    monkeypatch.setattr(Cluster, "_attempt", attempt)
    assert_equal(fit(clone(sae), blocks), undisturbed)


@pytest.mark.slow
def test_a_cluster_that_adapts_itself(client, cluster, sae, blocks, undisturbed):
    """It sends workers away while the client is at work, and has more of them when there are tasks."""
    adaptive = cluster.adapt(minimum=1, maximum=3, interval="20ms", wait_count=1, target_duration="1ms")
    try:
        for _ in range(3):
            assert_equal(fit(clone(sae), blocks), undisturbed)
    finally:
        adaptive.stop()
    assert adaptive.log


def test_workers_that_are_lost_again_and_again(client, monkeypatch, sae, blocks):
    """The client gives up at last, and keeps what the last round has left."""
    from distributed import CancelledError

    original, calls = Cluster._attempt, []

    def attempt(self, name, *rest):
        if name == "round-3":
            calls.append(name)
            raise CancelledError("a task")
        return original(self, name, *rest)

    monkeypatch.setattr(Cluster, "_attempt", attempt)
    two = clone(sae)
    with pytest.raises(ClusterError, match=f"round-3.*{ATTEMPTS} times"):
        fit(two, blocks)
    assert len(calls) == ATTEMPTS and two.n_iter_ == 2
    monkeypatch.undo()
    whole = fit(clone(sae), blocks)
    assert two.loss_curve_ == whole.loss_curve_[:2] and two.transform(blocks.compute()).any()
