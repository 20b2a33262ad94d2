"""How a network is trained: the step, the optimizers, the loop."""
