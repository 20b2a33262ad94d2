"""A training as plain numbers and arrays by name, for files: all that it goes on from but parameters and generator."""

COUNTS = "n_steps", "n_earlier_steps"


def describe(training):
    """Numbers, as JSON can hold them, and arrays; these are the training's own."""
    numbers = {
        **{name: int(getattr(training, name)) for name in COUNTS},
        "optimizer_steps": int(training.optimizer.n_steps),
        "key": int(training.key),
        "densities": list(map(float, training.densities)),
        "dead_units": training.dead_units.numbers(),
    }
    return numbers, {**training.optimizer.moments(), "dead_units.idle": training.dead_units.idle}


def restore(training, numbers, arrays):
    """Let a new training of the same shapes be where the described one was; the arrays become its own.

    Counts that are not told stay what they are.
    """
    for name in COUNTS:
        setattr(training, name, numbers.get(name, getattr(training, name)))
    training.optimizer.n_steps = numbers["optimizer_steps"]
    for name in training.optimizer.moments():
        setattr(training.optimizer, name, arrays[name])
    training.key, training.densities[:] = numbers["key"], numbers["densities"]
    training.dead_units.take(numbers["dead_units"], arrays["dead_units.idle"])
