"""The models of the classical tutorials, each as the parameters of one `SparseAutoencoder`.

The same parameters tell `peers/tutorial_keras.py` what to build, so that nothing is said twice. Widths are those of all
layers, data and reconstruction included:

``a``    784-784-128-128-784: two layers on each side, the code in the middle; L1 of the code with Keras's weight 1e-4
``b``    784-128-64-32-64-128-784, sigmoid code and output; with Adam, with SGD, and pre-trained layer by layer
``c``    100-128-100 on random data, L1 of the code, the whole data in each step
``d``    784-512-784, an ordinary autoencoder; with dropout, batch normalisation, and penalties on the weights
``e``    784-196-784, sigmoids, Kullback-Leibler divergence and weight decay: the lecture notes on sparse autoencoders

Of the five widths of ``a`` the one in the middle is taken for the code. The other reading, a code of 128 behind a
hidden layer of 128 with one layer as the decoder, has the same weights and takes the same time.

Our objective is a sum over features, Keras's a mean: weights of penalties here are those of Keras times the number of
features (for the square of the weights twice that, because ours is halved), and the rate of SGD is Keras's divided by
it. Adam's steps do not depend on the size of the objective but for epsilon, so this is Keras's 1e-7 times it, too. With
that both minimise the same function by the same steps.
"""

from dataclasses import dataclass, field, replace

from skl_sae.sparsity import L1, KLDivergence

#: Mean squared error of the lecture notes over ours: they halve it.
HALF = 2
#: Rate of SGD on Keras's scale; momentum 0.9, Nesterov's.
SGD_RATE = 3.0


@dataclass(frozen=True)
class Tutorial:
    """A model, its data and the length of its training.

    Parameters
    ----------
    title : str
    n_components : int
    epochs : int
        All passes over the data, those of the pre-training included.
    data : {"mnist_whole", "random"}
    active : float
        A unit of the code counts as active above this.
    params : dict
        Of the estimator, beyond those that all tutorials share.
    pretraining : int
        Passes of the pre-training of each layer.
    by_steps : bool
        Whether Keras is told each step (`train_on_batch`) instead of the epochs (`fit`): where an epoch is one step,
        that spares it most of its time.
    """

    title: str
    n_components: int
    epochs: int
    data: str = "mnist_whole"
    active: float = 0.0
    params: dict = field(default_factory=dict)
    pretraining: int = 0
    by_steps: bool = False

    n_features = property(lambda self: 100 if self.data == "random" else 784)
    n_layers = property(lambda self: 1 + len(self.params.get("hidden_layer_sizes", ())))
    fine_tuning = property(lambda self: self.epochs - self.pretraining * self.n_layers)
    batch_size = property(lambda self: self.params.get("batch_size", 256))

    def shortened(self, epochs):
        """The model with at most so many epochs, for trials; an epoch for each layer at least."""
        if not self.pretraining:
            return replace(self, epochs=min(self.epochs, epochs))
        pretraining = max(1, min(self.pretraining, epochs // (self.n_layers + 1)))
        return replace(self, pretraining=pretraining, epochs=max(min(self.epochs, epochs), self.n_layers + 1))

    def estimator(self, **params):
        """The model as an estimator; `params` go before its own."""
        from skl_sae import SparseAutoencoder

        settings = {
            "sparsity": None,
            "scale": False,
            "dead_units": None,
            "batch_size": self.batch_size,
            "max_iter": self.fine_tuning,
            **({"pretrain_max_iter": self.pretraining} if self.pretraining else {}),
            "tol": 0,
            "learning_rate": "constant",
            "learning_rate_init": 1e-3,
            "epsilon": 1e-7 * self.n_features,
        }
        return SparseAutoencoder(self.n_components, **(settings | self.params | params))


_A = {"hidden_layer_sizes": (784,), "decoder_layer_sizes": (128,), "output_activation": "sigmoid"}
_B = {"hidden_layer_sizes": (128, 64), "activation": "sigmoid", "output_activation": "sigmoid"}
_B_SGD = _B | {"solver": "sgd", "learning_rate_init": SGD_RATE / 784}
_C = {"batch_size": 1000}
_D = {"batch_size": 100, "output_activation": "sigmoid"}
_E = {"output_activation": "sigmoid", "weight_decay": HALF * 3e-3}
_DEEP = "784-128-64-32-64-128-784"


def _kl(target):
    return _E | {"sparsity": KLDivergence(target, alpha=HALF * 3)}


MODELS = {
    "a": Tutorial("784-784-128-128-784, L1", 128, 10, params=_A | {"sparsity": L1(784 * 1e-4, unit_decoder=False)}),
    "b_adam": Tutorial(f"{_DEEP}, Adam", 32, 10, active=0.1, params=_B),
    "b_sgd": Tutorial("the same, SGD", 32, 30, active=0.1, params=_B_SGD),
    "b_pretrained": Tutorial(
        "the same, layer by layer, then SGD",
        32,
        30,
        active=0.1,
        params=_B_SGD | {"pretrain": "layerwise"},
        pretraining=5,
    ),
    "c": Tutorial("100-128-100, L1", 128, 1000, "random", params=_C | {"sparsity": L1(100 * 1e-3, unit_decoder=False)}),
    "c_steps": Tutorial(
        "the same, Keras by `train_on_batch`",
        128,
        1000,
        "random",
        params=_C | {"sparsity": L1(100 * 1e-3, unit_decoder=False)},
        by_steps=True,
    ),
    "d": Tutorial("784-512-784", 512, 10, params=_D),
    "d_dropout": Tutorial("the same, dropout 0.2", 512, 10, params=_D | {"dropout": 0.2}),
    "d_batch_norm": Tutorial("the same, batch normalisation", 512, 10, params=_D | {"batch_norm": True}),
    "d_l2": Tutorial("the same, L2 of the weights", 512, 10, params=_D | {"weight_decay": 2 * 784 * 1e-6}),
    "d_l1": Tutorial("the same, L1 of the weights", 512, 10, params=_D | {"weight_l1": 784 * 1e-7}),
    "e_05": Tutorial("784-196-784, KL to 0.05", 196, 40, active=0.1, params=_kl(0.05)),
    "e_10": Tutorial("the same, KL to 0.1", 196, 40, active=0.1, params=_kl(0.1)),
}
