"""The chunks of `partial_fit`: one that fails leaves no trace, and meanwhile others see what was before it."""

from copy import copy, deepcopy

from .calibration import calibrate

# Bytes of moments up to which a chunk leaves room for the copies that the next one makes.
LARGE_ROOM = 1 << 26
# Rows of a chunk that the scale of the codes is taken from, at most.
CHUNK_ROWS = 32
# Rows of a chunk that a rule looks at when its steps are done, at most; smaller chunks than the first tell too little.
CALIBRATION_ROWS = 300, 500


class ChunkMixin:
    """Beginning, end and undoing of a chunk, as a part of `Training`.

    Attributes
    ----------
    undo : list
        The published network before the chunk, and the state that belongs to it; empty between chunks.
    finished : Network or None
        The network that the last chunk has made, to be published.
    room : dict
        Arrays by name that copies of the moments are written to.
    """

    def begin_chunk(self, published):
        """Note the state that `undo_chunk` returns to: that of the `published` network.

        A chunk that an interrupt or a fork has left between here and `finish_chunk` is undone first.
        """
        if self.undo and self.finished is not published:
            self.undo_chunk()
        self.undo = []  # room for the next, and another object for `as_of`
        if self.network is None:
            self.network = published.copy()
        state = self.state(published)
        # Training goes on with copies: the state stays as it is, and arrays from a memory map cannot be written to. The
        # room is given away: were it kept, and the chunk interrupted before `close_chunk`, the next chunk would write
        # to the arrays that are its own state.
        room, self.room = self.room, {}
        self.take(*state, room=room)
        self.undo, self.finished = (published, *state), None

    def undo_chunk(self):
        """Return to the state before the chunk, if that is not the beginning of the training."""
        if self.undo:
            published, *state = self.undo
            self.network, self.workspace = published.copy(), None
            self.take(*state)
            self.random_state.set_state(state[1][-1])
            self.finished = published

    def state(self, published=None):
        """Moments, counters and densities; those that belong to a `published` network, not to a chunk on the way."""
        if published is not None and self.undo and self.finished is not published:
            return self.undo[1:]
        counters = (
            self.n_steps,
            self.optimizer.n_steps,
            self.dead_units.copy(),
            self.random_state.get_state(legacy=False),
        )
        return self.optimizer.moments(), counters, list(self.densities)

    def take(self, moments, counters, densities, room=None):
        """Take over copies of such a state, but for that of the generator; `room` may hold arrays for the moments."""
        self.n_steps, n_steps, dead_units, _ = counters
        self.optimizer.take(n_steps, moments, room or {})
        self.dead_units, self.densities[:] = dead_units.copy(), densities

    def _generator(self, state):
        """The caller's generator, or if it is nobody else's, a copy: what comes after leaves this one as it is."""
        if self.random_state is self.params["random_state"]:
            return self.random_state
        generator = deepcopy(self.random_state)
        generator.set_state(state)
        return generator

    def as_of(self, published):
        """A copy to be put by, with what belongs to the `published` network, though a chunk may be on the way.

        None if another thread has begun one meanwhile.
        """
        undo, other = self.undo, copy(self)
        state = self.state(published)
        other.optimizer, other.random_state = copy(self.optimizer), self._generator(state[1][-1])
        other.undo, other.room, other.densities = [], {}, []
        other.take(*state)
        return other if self.undo is undo else None

    def finish_chunk(self, rows):
        """A copy of the network, to be published."""
        self._choose_code_scale(rows, CHUNK_ROWS, anew=False)
        fewest, most = CALIBRATION_ROWS
        if len(rows) >= fewest:
            calibrate(self.network, "after_chunk", rows.sample(most), rows)
        self.finished = self.network.copy()
        return self.finished

    def close_chunk(self):
        """After publication, let go of the old network, and keep the old moments' arrays as room if they are small."""
        moments = self.undo[1] if self.undo else {}
        small = sum(array.nbytes for array in moments.values()) <= LARGE_ROOM
        self.room = moments if small and all(array.flags.writeable for array in moments.values()) else {}
        self.undo = []
