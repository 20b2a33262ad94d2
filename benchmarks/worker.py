"""One peer in a process of its own, so that its threads disturb nobody; it takes requests and gives replies, a line
of JSON each.

``python benchmarks/worker.py PEER CASE FOLDER`` builds the peer from the files that `data.py` wrote.
"""

import json
import os
import sys
import time
import traceback

import numpy as np

import data
import peers
from cases import CASES, QUALITY
from machine import Machine, flops, n_parameters
from peers._base import Unsuitable


def memory(name):
    """A field of the process's status in MB: VmRSS, the memory now, or VmHWM, the most so far. None if unknown."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
    except OSError:
        return None


class Session:
    """The requests: each method is one, and returns what the reply says."""

    def __init__(self, peer, case, folder):
        self.name = peer
        self.take(case, folder)

    def take(self, case, folder, most_rows=None):
        """Build the peer for a case, or for another one; calls get at most so many rows."""
        self.case = QUALITY if case == "quality" else CASES[case]
        self.X, start = data.read(folder)
        self.n_rows = min(self.X.shape[0], most_rows or self.case.chunk_rows, self.case.chunk_rows)
        cls = peers.load(self.name)
        self.before = memory("VmRSS")
        self.peer = cls(self.case, start)
        self.turn = 0
        return {}

    def _next_chunk(self):
        most = self.peer.most_steps
        n = self.n_rows if most is None else min(self.n_rows, most * self.case.batch)
        lo = self.turn * self.n_rows
        self.turn += 1
        if lo + self.n_rows > self.X.shape[0]:
            lo, self.turn = 0, 1
        return self.X[lo : lo + n]

    def warm(self, chunks):
        """The first calls; returns the loss of the last."""
        for _ in range(chunks):
            loss = self.peer.train(self._next_chunk())
        return {"loss": loss if self.peer.same_model else None, "density": self._density()}

    def train(self, seconds):
        """Calls until the time is up; returns rows a second."""
        rows, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds or not rows:
            chunk = self._next_chunk()
            self.peer.train(chunk)
            rows += chunk.shape[0]
        return {"rate": rows / elapsed}

    def finish(self):
        """What is known at the end."""
        about = getattr(sys.modules[type(self.peer).__module__], "describe", str)
        return {
            "peak": memory("VmHWM"),
            "model": None if self.before is None else memory("VmHWM") - self.before,
            "density": self._density(),
            "about": about(),
        }

    def _density(self):
        density = getattr(self.peer, "density", None)
        return None if density is None else density(self.X[: self.n_rows])

    # quality.py: the first six sevenths of the rows are for training, as in MNIST

    def epoch(self, seed):
        """One pass over the training rows in an order that the seed gives; returns its seconds."""
        n = self.X.shape[0] * 6 // 7
        shuffled = self.X[np.random.default_rng(seed).permutation(n)]
        start = time.perf_counter()
        self.peer.train(shuffled)
        return {"seconds": time.perf_counter() - start}

    def score(self):
        """Explained variance of the other rows."""
        X = self.X[self.X.shape[0] * 6 // 7 :]
        residual = np.square(X - self.peer.reconstruct(X), dtype=np.float64).sum()
        return {"score": float(1 - residual / (X.var(axis=0, dtype=np.float64).sum() * len(X)))}

    # transform.py

    def transform(self, task, rows, seconds):
        """Rows a second of a method of the peer on the first rows."""
        X = self.X[:rows]
        argument = self.peer.encode_csr(X) if task == "decode_csr" else self.peer.encode(X) if task == "decode" else X
        work = getattr(self.peer, "decode" if task == "decode_csr" else task)
        done, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds or not done:
            work(argument)
            done += rows
        return {"rate": done / elapsed}


class MachineSession:
    """The same for the rates of the machine."""

    def __init__(self, case, folder):
        self.case = CASES[case]
        X, _ = data.read(folder)
        self.sizes = self.case.sizes(X.shape[1])
        self.input_density = X.nnz / X.shape[0] / X.shape[1] if hasattr(X, "nnz") else 1.0
        self.machine = Machine(n_parameters(self.sizes))

    def measure(self, seconds):
        return self.machine.measure(seconds)

    def least(self, density, rates):
        """Seconds that a step needs at least, its operations, and its bytes."""
        operations = flops(self.case, self.sizes, density, self.input_density)
        bytes_ = 6 * 4 * n_parameters(self.sizes)
        return {"seconds": operations / rates["flops"] + bytes_ / rates["bytes"]}


def serve(make):
    """Reply to the requests on the standard input until it ends; the libraries' own output goes to standard error.

    `make` returns the session whose methods are the requests.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(work, *args, **kwargs):
        try:
            answer = work(*args, **kwargs)
        except Exception as error:
            known = isinstance(error, ImportError | Unsuitable)
            if not known:
                traceback.print_exc()
            answer = {"error": str(error) if known else f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), file=replies, flush=True)
        return answer

    session = []

    def build():
        session.append(make())
        return {}

    reply(build)
    for line in sys.stdin:
        request = json.loads(line)
        reply(getattr(session[0], request.pop("do")), **request)


if __name__ == "__main__":
    peer, *rest = sys.argv[1:]
    serve(lambda: MachineSession(*rest) if peer == "machine" else Session(peer, *rest))
