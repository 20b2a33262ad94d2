"""What a training that goes on needs, as numbers and arrays, and back: moments, counters and the random state."""

import numpy as np

from .._training.dead_units import DeadUnits
from ._errors import ModelFileError
from ._own_fields import Fields

COUNTS = "n_steps", "n_earlier_steps"


def describe_dead_units(dead_units, writer, where):
    """Counts of idle units as JSON."""
    writer.array(f"{where}.idle", dead_units.idle)
    return {"n_rows": int(dead_units.n_rows)}


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
    moments = training.optimizer.moments()
    writer.arrays.update({f"training.{name}": array for name, array in moments.items()})
    return {
        **{name: int(getattr(training, name)) for name in COUNTS},
        "optimizer_steps": int(training.optimizer.n_steps),
        "key": int(training.key),
        "densities": list(map(float, training.densities)),
        "dead_units": describe_dead_units(training.dead_units, writer, "training.dead_units"),
        "random_state": writer.generator(training.random_state),
    }


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
    for name in COUNTS:
        setattr(training, name, fields.take(name, "a count"))
    optimizer = training.optimizer
    optimizer.n_steps = fields.take("optimizer_steps", "a count")
    for name, array in optimizer.moments().items():
        setattr(optimizer, name, arrays.take(f"training.{name}", array.shape, array.dtype, finite=True))
    training.key = fields.take("key", "a count")
    training.densities = fields.take("densities", "a list of shares")
    counts = fields.take("dead_units", "an object")
    training.dead_units = restore_dead_units(counts, network.architecture.n_units, arrays, "training.dead_units")
    training.random_state = fields.take("random_state", "a random state")
    fields.close()
    training.put_by()
    return training
