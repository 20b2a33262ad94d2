"""What the units of a model stand for."""
