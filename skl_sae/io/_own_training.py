"""What a training that goes on needs, as numbers and arrays, and back: moments, counters and the random state."""

import numpy as np

from .._training.dead_units import DeadUnits
from .._training.description import describe, restore
from ._errors import ModelFileError
from ._own_fields import Fields

# Numbers of a training, and their kinds.
NUMBERS = {
    **dict.fromkeys(("n_steps", "n_earlier_steps", "optimizer_steps", "key"), "a count"),
    "densities": "a list of shares",
}


def describe_dead_units(dead_units, writer, where):
    """Counts of idle units as JSON."""
    writer.array(f"{where}.idle", dead_units.idle)
    return dead_units.numbers()


def restore_dead_units(record, n_units, arrays, where):
    """Counts of idle units that a record tells of."""
    fields, dead_units = Fields(record, where), DeadUnits(n_units)
    dead_units.n_rows = fields.take("n_rows", "a count")
    fields.close()
    dead_units.idle[:] = arrays.take(f"{where}.idle", (n_units,), np.dtype(np.int64))
    if not (0 <= dead_units.idle).all() or dead_units.idle.max(initial=0) > dead_units.n_rows:
        raise ModelFileError(f"{where}: units have been idle for less than no rows, or for more than there were")
    return dead_units


def describe_training(training, writer):
    """A training that is put by as JSON, without its parameters; its arrays go to the writer."""
    numbers, arrays = describe(training)
    for name, array in arrays.items():
        writer.array(f"training.{name}", array)
    return {**numbers, "random_state": writer.generator(training.random_state)}


def restore_training(sae, network, params, record, arrays):
    """The training that a record tells of.

    Parameters
    ----------
    sae : SparseAutoencoder
        With the parameters of its fit.
    network : Network
    params : dict
        Parameters of the training.
    record : dict
    arrays : Arrays
    """
    fields = Fields(record, "training")
    training = sae._new_training(network, params, np.random.RandomState(0))
    numbers = {name: fields.take(name, kind) for name, kind in NUMBERS.items()}
    moments = {
        name: arrays.take(f"training.{name}", array.shape, array.dtype, finite=True)
        for name, array in training.optimizer.moments().items()
    }
    counts = fields.take("dead_units", "an object")
    dead_units = restore_dead_units(counts, network.architecture.n_units, arrays, "training.dead_units")
    restore(training, {**numbers, "dead_units": counts}, {**moments, "dead_units.idle": dead_units.idle})
    training.random_state = fields.take("random_state", "a random state")
    fields.close()
    training.put_by()
    return training
