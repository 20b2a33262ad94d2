"""Training of an unrolled network layer by layer, each on what the layers before it leave.

Where layers have weights of their own, those before are kept as they are, so a step goes back through one layer only.
Otherwise all layers so far are trained. The next layer starts from the numbers of the one before it.
"""

from ..._training.loop import train

# Thresholds of the next layer at its start, relative to those of the one before: what is wrong with a code, and must be
# kept below them, shrinks by about so much. One that is too low is raised by what passes it; one that is too high gets
# no gradient from what it holds back.
NEXT_THRESHOLD = 0.7


def pretrain_layers(network, rows, params, random_state, course, new_stage, new_training):
    """Train the layers of an unrolled network one after the other.

    Parameters
    ----------
    network : UnrolledNetwork
        At its start; receives the parameters.
    rows : Rows
    params : dict
        Parameters of the estimator; each layer is trained for ``pretrain_max_iter`` epochs.
    random_state : RandomState
    course : Course
    new_stage : callable
        ``new_stage(n_layers)`` makes a network of the first layers, with a rule in the place of the last shrinkage.
    new_training : callable
        ``new_training(network, params, random_state)``.

    Returns
    -------
    training : Training or None
        That of the last layer, done; None where a resumed fit is past it.
    """
    training, n_layers, before = None, network.unrolled.n_layers, None
    params = {**params, "max_iter": params["pretrain_max_iter"], "pretrain": None}
    for n in (layer + 1 for layer in course.layers(network, n_layers)):
        stage = network if n == n_layers else new_stage(n)
        stage.scaling = network.scaling
        _take_over(stage, network, before)
        frozen, stage.frozen = stage.frozen, stage.frozen | _settled(stage)
        training = new_training(stage, params, random_state)
        label = f"Layer {n} of {n_layers}, "
        train(training, rows, None, course, params["batch_size"], label)
        stage.frozen = frozen
        if stage is not network:
            _hand_back(network, stage)
        before = stage
    return training


def _settled(stage):
    """Names of what earlier stages have learned, where layers have weights of their own."""
    return set(stage.parameters.further) if stage.unrolled.variant == "coupled" else set()


def _take_over(stage, network, before):
    """Write the layers so far, and let the code's layer start from that of the stage before."""
    source = network if before is None else before
    mine, its = stage.parameters, source.parameters
    for name, view in mine.views.items():
        if name in network.parameters.views and (name.startswith("unrolled") or before is None):
            view[:] = network.parameters[name]
    for name in ("enc0.weight", "dec0.weight", "dec0.bias"):
        mine[name][:] = its[name]
    if before is None:
        mine["enc0.weight"][:] = network.weight(0)
        stage.set_thresholds(network.parameters["unrolled0.threshold"])
    else:
        stage.set_thresholds(NEXT_THRESHOLD * _thresholds(before))


def _hand_back(network, stage):
    """Let the network have what a stage has learned."""
    last, p = stage.unrolled.n_layers - 1, network.parameters
    for name, view in stage.parameters.views.items():
        if name.startswith("unrolled") or name.startswith("dec0"):
            p[name][:] = view
    p[f"unrolled{last}.threshold"][:] = _thresholds(stage)
    if network.unrolled.variant == "coupled":
        p[f"unrolled{last}.weight"][:] = stage.parameters["enc0.weight"]
    else:
        p["enc0.weight"][:] = stage.parameters["enc0.weight"]
    same_space = p["dec0.weight"].shape == p["enc0.weight"].shape
    if (
        "unrolled.dictionary" in p.further
        and same_space
        and not network.frozen & {"dec0.weight", "unrolled.dictionary"}
    ):
        p["unrolled.dictionary"][:] = stage.parameters["dec0.weight"]


def _thresholds(stage):
    """Thresholds of the code's layer of a stage."""
    units = stage.parameters.units
    return units.threshold if "threshold" in stage.parameters.own else -units.encoder_bias
