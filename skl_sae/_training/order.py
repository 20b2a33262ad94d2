"""The order in which an epoch visits the rows: as they lie, at random, or in shuffled blocks.

A disk gives megabytes that follow one another many times faster than rows from all over a file. With ``"blocks"``,
blocks of consecutive rows come in random order, some of them at a time make a window, and rows are shuffled inside of
it. Blocks depend on the shape and the type of the data alone, so that a file and an array in memory give the same bits.
"""

from itertools import pairwise

import numpy as np

from .._model.rows import row_numbers
from .schedule import batch_edges

# Bytes of a block, in the type that is computed in, and blocks of a window. Data with less than a window is shuffled as
# a whole. Of narrow data a block has so many rows at most, because 8 bytes are held for each row of a window.
BLOCK_BYTES, WINDOW, MOST_ROWS = 1 << 22, 32, 1 << 17


def order_of_epoch(rows, shuffle, random_state):
    """Numbers of `rows` in the order of an epoch, to be read by slices.

    Whatever is drawn from `random_state` is drawn here, once an epoch.
    """
    if isinstance(shuffle, str):
        return BlockOrder(rows, random_state)
    order = row_numbers(len(rows))
    if shuffle:
        random_state.shuffle(order)
    return order


class BlockOrder:
    """Rows in shuffled blocks; only a window is ever held.

    Parameters
    ----------
    rows : Rows
    random_state : RandomState
    """

    def __init__(self, rows, random_state):
        n = len(rows)
        starts = np.arange(0, n, rows_of_a_block(rows))
        lengths = np.diff(starts, append=n)
        order = random_state.permutation(starts.size)
        # blocks of a window in the order of the file: a disk reads them on its way
        windows = [np.sort(order[lo:hi]) for lo, hi in pairwise(batch_edges(starts.size, WINDOW))]
        self.rows, self.seed = rows, int(random_state.randint(2**32, dtype=np.uint64))
        self.blocks = [[(starts[i], starts[i] + lengths[i]) for i in window] for window in windows]
        self.ends = np.cumsum([lengths[window].sum() for window in windows])
        self.number, self.window = None, None

    def __getitem__(self, places):
        lo, parts = places.start, []
        while lo < places.stop:
            number = int(np.searchsorted(self.ends, lo, side="right"))
            window, end = self._window(number), self.ends[number]
            parts.append(window[lo - end + window.size : places.stop - end + window.size])
            lo = end
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _window(self, number):
        """Rows of a window. While it is worked on, the next one is read from the file."""
        if number != self.number:
            for coming in range(number if self.number is None else number + 1, number + 2):
                for block in self.blocks[coming] if coming < len(self.blocks) else []:
                    self.rows.read_ahead(*block)
            self.window = np.concatenate([np.arange(*block) for block in self.blocks[number]])
            np.random.RandomState([self.seed, number]).shuffle(self.window)
            self.number = number
        return self.window


def rows_of_a_block(rows):
    """Number of rows of a block: of sparse data, by the mean number of entries that a row stores."""
    numbers = 2 * rows.X.nnz / max(1, rows.X.shape[0]) if rows.sparse else rows.shape[1]
    return int(np.clip(BLOCK_BYTES / max(1.0, numbers * rows.dtype.itemsize), 1, MOST_ROWS))
