"""How a dictionary is learned: the updates of atoms, where they begin, and the loops."""
