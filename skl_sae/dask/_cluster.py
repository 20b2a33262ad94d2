"""Tasks on a cluster: named by round and block, summed in a tree that is always the same, given again if they are lost.

Tasks are pure: what they give depends on their arguments alone. So it does not matter which worker runs a task, how
often, or when it is done. A value that the client sends cannot be computed again by the workers; if all of its copies
are lost, the client, which has it, sends it once more and submits the tasks again.
"""

import asyncio
import time
from uuid import uuid4

from .._extras import extra

# How often a task that fails is run again by the cluster, and how often a sum whose tasks are lost is submitted.
RETRIES, ATTEMPTS = 3, 5
# Seconds that sending a value may take, and bytes a second from then on: a worker that dies must not hold it up.
PATIENCE, SLOWEST = 10, 1e7


class ClusterError(RuntimeError):
    """The workers were lost so often that the client has given up."""


class Failure:
    """What a task gives in the place of a result, where running it again would fail in the same way.

    Parameters
    ----------
    error : Exception
    """

    def __init__(self, error):
        self.error = error


def guarded(function, *args):
    """Call a function, unless an argument is a `Failure`; errors of the data are returned as one."""
    for each in args:
        if isinstance(each, Failure):
            return each
    try:
        return function(*args)
    except (TypeError, ValueError) as error:
        return Failure(error)


class Sent:
    """Values that the client has and sends to the workers, each to one of them: they get copies from one another.

    Dask can make the copies itself, but while a worker dies it tries to for ever.

    Parameters
    ----------
    client : distributed.Client
    values : list
    """

    def __init__(self, client, values):
        self.client, self.values, self._futures = client, values, [None] * len(values)

    def futures(self):
        """Futures of the values; those whose copies are lost are sent again."""
        lost = [i for i, each in enumerate(self._futures) if each is None or each.status != "finished"]
        if lost:
            for i, future in zip(lost, self._send([self.values[i] for i in lost]), strict=True):
                self._futures[i] = future
        return self._futures

    def _send(self, values):
        from dask.sizeof import sizeof

        patience = PATIENCE + sizeof(values) / SLOWEST

        async def send():
            scattering = self.client.scatter(values, hash=False, asynchronous=True)
            return await asyncio.wait_for(scattering, patience)

        return self.client.sync(send)


class Computed:
    """Values that the cluster computes, keeps, and can compute again.

    Parameters
    ----------
    client : distributed.Client
    sources : list of Delayed
    """

    def __init__(self, client, sources):
        self.client, self.sources, self._futures = client, sources, [None] * len(sources)

    def futures(self):
        """Futures of the values; those that are lost are computed again."""
        lost = [i for i, each in enumerate(self._futures) if each is None or each.status in ("cancelled", "lost")]
        if lost:
            computed = self.client.compute([self.sources[i] for i in lost], retries=RETRIES)
            for i, future in zip(lost, computed, strict=True):
                self._futures[i] = future
        return self._futures


class Cluster:
    """Sums over blocks of the data.

    Parameters
    ----------
    client : distributed.Client

    Attributes
    ----------
    blocks : Sent or Computed
        The data, to be set.
    token : str
        Part of the names of all tasks, so that those of two fits differ.
    """

    def __init__(self, client):
        self.client, self.blocks, self.token = client, None, uuid4().hex[:8]

    def send(self, value):
        """A value for all tasks of one or more sums."""
        return Sent(self.client, [value])

    def sum(self, name, function, add, sent):
        """Add up ``function(value, block, number)`` of all blocks, by ``add(a, b)`` in the order of the blocks.

        Parameters
        ----------
        name : str
            What the tasks are called on the dashboard.
        function, add : callable
            Of a module, so that workers find them; they write to none of their arguments.
        sent : Sent
            The value.

        Raises
        ------
        ClusterError
            If the tasks have been lost `ATTEMPTS` times.
        """
        with extra("dask"):
            from distributed import CancelledError, KilledWorker
        for attempt in range(ATTEMPTS):
            tasks = []
            try:
                result = self._attempt(name, attempt, function, add, sent, tasks)
                break
            except (CancelledError, KilledWorker, OSError) as error:
                self._cancel(tasks)
                lost = error
                time.sleep(0.1 * 2**attempt)  # until what is lost is known to be
            except BaseException:
                self._cancel(tasks)
                raise
        else:
            raise ClusterError(
                f"The tasks of {name!r} were lost {ATTEMPTS} times, the last time by {type(lost).__name__}: {lost}. "
                "Look at the logs of the workers (memory, connections), and fit again."
            ) from lost
        if isinstance(result, Failure):
            raise result.error
        return result

    def _attempt(self, name, attempt, function, add, sent, tasks):
        """Submit all tasks, noted in `tasks`, and wait for the sum."""
        from distributed import CancelledError, wait

        again = f"-again-{attempt}" if attempt else ""
        (value,), blocks = sent.futures(), self.blocks.futures()
        numbers = range(len(blocks))
        label = f"skl_sae-{name}{again}-{self.token}"
        level = self._map(label, [function] * len(blocks), [value] * len(blocks), blocks, numbers)
        tasks += level
        for depth in range(len(blocks).bit_length()):
            pairs = len(level) // 2
            if pairs == 0:
                break
            label = f"skl_sae-sum-{name}{again}-{depth}-{self.token}"
            merged = self._map(label, [add] * pairs, level[: 2 * pairs : 2], level[1 : 2 * pairs : 2])
            level = merged + level[2 * pairs :]
            tasks += merged
        (total,) = level
        wait(total)
        if total.status == "error":
            error = total.exception()
            if isinstance(error, OSError):  # of a task, not of a connection: it has been tried again already
                return Failure(error)
            raise error
        if total.status != "finished":
            raise CancelledError(f"{total.key} is {total.status}")
        return total.result()

    def _map(self, label, *arguments):
        keys = [(label, i) for i in range(len(arguments[0]))]
        return self.client.map(guarded, *arguments, key=keys, retries=RETRIES)

    def _cancel(self, tasks):
        """Let go of tasks that nobody waits for; a client that has lost its scheduler cannot."""
        try:
            self.client.cancel(tasks)
        except OSError:
            pass
