"""The cases of the comparison: one model, batch size and kind of data each. Every peer trains the same model.

A case has no numbers of features: those come with its data (see `data.py`). All networks end in a linear layer, all
losses are the mean over rows of the sum of squared errors, and every optimizer is Adam at a constant rate.
"""

from dataclasses import dataclass, replace

LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """A model, its batch size, and how it is measured.

    Parameters
    ----------
    title : str
    data : str
        Name of a source in `data.py`.
    units : int
        Units of the code.
    rule : {"kl", "l1", "topk", None}
    hidden : tuple of int
        Encoder layers before the code; the decoder mirrors them.
    k, alpha, target : numbers
        Parameters of the rule.
    batch : int
        Rows of a step.
    chunk : int
        Steps of a call, such as one ``partial_fit``: what a peer does by itself between two looks at the clock.
    warm : int
        Calls before the first measurement: compilation, caches, and for L1 the way to its density.
    """

    title: str
    data: str
    units: int
    rule: str | None = None
    hidden: tuple = ()
    k: int = 0
    alpha: float = 0.0
    target: float = 0.05
    batch: int = 256
    chunk: int = 20
    warm: int = 2

    chunk_rows = property(lambda self: self.batch * self.chunk)
    activation = property(lambda self: "sigmoid" if self.rule == "kl" else "relu")

    def sizes(self, n_features):
        """Widths of all layers, from the data to the code and back."""
        encoder = (n_features, *self.hidden, self.units)
        return encoder + encoder[-2::-1]

    def estimator(self, **params):
        """The case as an estimator of `skl_sae`; rows are taken in order, as by all peers."""
        from skl_sae import SparseAutoencoder, sparsity

        rules = {
            None: lambda: None,
            "kl": lambda: sparsity.KLDivergence(self.target, alpha=self.alpha),
            "l1": lambda: sparsity.L1(self.alpha),
            "topk": lambda: sparsity.TopK(self.k),
        }
        settings = {
            "sparsity": rules[self.rule](),
            "hidden_layer_sizes": self.hidden,
            "learning_rate_init": LEARNING_RATE,
            "learning_rate": "constant",
            "batch_size": self.batch,
            "dead_units": None,
            "shuffle": False,
            "random_state": 0,
        }
        return SparseAutoencoder(self.units, **(settings | params))


CASES = {
    "kl": Case("KL, 784-196, batch 256", "mnist", 196, "kl", alpha=0.01),
    "l1_dense": Case("L1, 784-1024, batch 256, high density", "mnist", 1024, "l1", alpha=0.0),
    "l1_sparse": Case("L1, 784-1024, batch 256, about 5 % density", "mnist", 1024, "l1", alpha=0.12, warm=20),
    "deep": Case("784-128-64-32-64-128-784, batch 256", "mnist", 32, hidden=(128, 64)),
    "topk_1000": Case("TopK, 784-1000, k=25, batch 256", "mnist", 1000, "topk", k=25),
    "topk_6144": Case("TopK, 768-6144, k=32, batch 4096", "gaussian", 6144, "topk", k=32, batch=4096, chunk=4, warm=1),
    "topk_6144_b512": Case("TopK, 768-6144, k=32, batch 512", "gaussian", 6144, "topk", k=32, batch=512, warm=1),
    "digits": Case("TopK, 64-128, k=16, batch 128", "digits", 128, "topk", k=16, batch=128, chunk=140),
    "csr_text": Case("TopK, 20000-256, k=16, batch 256, CSR", "text", 256, "topk", k=16, warm=1),
}

# The whole of MNIST an epoch a call: `quality.py`.
QUALITY = replace(CASES["topk_1000"], data="mnist_whole")
