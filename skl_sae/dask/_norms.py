"""Decoders whose rows have norm one, after a change to the weights as a whole."""

from .._kernels.norms import normalise_rows


def keep_norms(network):
    """Bring the decoder's rows back to norm one, where the rule asks for that, but those that are fixed."""
    if not network.unit_norm:
        return
    parameters, restraint = network.parameters, network.restraint
    rows, free = parameters.units.decoder, [(0, len(parameters.units.decoder))]
    if restraint is not None:
        free = restraint.free_rows(parameters.start[parameters.unit_names["decoder"]], rows)
    for first, last in free:
        normalise_rows(rows[first:last])
