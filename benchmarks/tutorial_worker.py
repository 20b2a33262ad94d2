"""A tutorial's model in one library, in a process of its own; see `worker.py` for the protocol.

``python benchmarks/tutorial_worker.py PEER MODEL:EPOCHS FOLDER``, with `X.npy` and `X_test.npy` in the folder. Ours
writes there the weights that it starts from, and Keras takes them.
"""

import importlib
import sys
import time
from pathlib import Path

import numpy as np

from tutorial_models import MODELS
from worker import serve

#: name: (module, class); imported where they are needed, and nowhere else.
PEERS = {
    "ours": ("tutorial_ours", "Ours"),
    "keras": ("tutorial_keras", "Keras"),
}


class Session:
    """The requests: each method is one, and returns what the reply says."""

    def __init__(self, peer, name, folder):
        name, epochs = name.split(":")
        self.folder, self.model = Path(folder), MODELS[name].shortened(int(epochs))
        self.X, self.X_test = np.load(self.folder / "X.npy"), np.load(self.folder / "X_test.npy")
        module, cls = PEERS[peer]
        self.peer = getattr(importlib.import_module(f"peers.{module}"), cls)(self.model)

    def warm(self):
        """An epoch of one whole batch and one that is not, so that all is compiled, read and allocated."""
        self.peer.warm(self.X[: self.model.batch_size * 3 // 2])
        return {}

    def start(self, seed):
        """Go to the start that the seed gives; returns the test error there."""
        self.peer.start(self.X, seed, self.folder / "start.npz")
        return {"mse": self._mse()}

    def start_alone(self, seed):
        """Go to a start as Keras itself makes it."""
        self.peer.start_alone(seed)
        return {}

    def fit(self):
        """Train from the start; returns seconds and how good it is."""
        begin = time.perf_counter()
        loss = self.peer.fit(self.X)
        seconds = time.perf_counter() - begin
        codes = self.peer.encode(self.X_test)
        l0 = float((codes > self.model.active).sum(axis=1).mean())
        return {"seconds": seconds, "loss": loss, "mse": self._mse(), "l0": l0}

    def about(self):
        """Versions, and what else matters for the time."""
        return {"about": sys.modules[type(self.peer).__module__].describe()}

    def filters(self, path):
        """Save the weights of the first layer, a row a unit."""
        np.save(path, self.peer.filters())
        return {}

    def _mse(self):
        """Mean squared error of an entry of the test data."""
        return float(np.square(self.peer.reconstruct(self.X_test) - self.X_test, dtype=np.float64).mean())


if __name__ == "__main__":
    serve(lambda: Session(*sys.argv[1:]))
