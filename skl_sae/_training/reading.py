"""Reading a batch in parts: wide data in windows of rows, and what the code leaves over for the dead units' code."""

from itertools import pairwise

from .._kernels.cells import Cells
from .weights import blocks_of


def read_residual(step, batch):
    """Record the reading of the dead units' code, against what the rule's code leaves over."""
    _, residual = batch.auxiliary

    def read(batch, tile):
        lo, hi = batch.tiles[tile]
        # the target tells which values are missing; with hidden layers in the decoder it is not looked at
        target = None if step.encoder.window else step.target[lo:hi]
        residual.read(batch, lo, hi, target, Cells())

    batch.region(1, lambda batch, i: residual.aim(batch, step.passes[0], batch.n_rows))
    batch.region(len(batch.tiles), read)


def read_windows(step, batch):
    """Record the reading of all rows, a window of them dense at a time."""
    residual = batch.auxiliary[1] if batch.auxiliary else None
    windowed = [residual] if residual and residual.windowed else []
    passes = step.passes + windowed
    batch.region(len(passes), lambda batch, i: passes[i].window.clear())
    for lo, hi in pairwise([*range(0, batch.n_rows, step.encoder.window), batch.n_rows]):
        for each in passes:
            each.window.open(lo, hi)
        batch.region(1, lambda batch, i, lo=lo, hi=hi: _read_window(step, batch, lo, hi, windowed))
        batch.region(len(passes), lambda batch, i: passes[i].close_window())
        _sum_window(step, batch, passes)
    if windowed:
        batch.region(1, lambda batch, i: residual.rescale(batch))
    elif residual:
        read_residual(step, batch)


def _read_window(step, batch, lo, hi, windowed):
    x, target = step.encoder.inputs[0][: hi - lo], step.target[: hi - lo]
    batch.plan.do(batch.load, lo, hi, x, target)
    for each, active in zip(step.passes, batch.active, strict=True):
        each.read(batch, lo, hi, target, active)
    for residual in windowed:
        residual.aim(batch, step.passes[0], hi - lo)
        residual.read(batch, lo, hi, target, Cells())


def _sum_window(step, batch, passes):
    """Add the window to the gradients next to the data, by blocks of the weights' rows."""
    blocks = blocks_of(*step.network.parameters["dec0.weight"].shape)

    def accumulate(batch, block):
        for each in passes:
            each.accumulate(batch, *blocks[block])

    batch.region(len(blocks), accumulate)
