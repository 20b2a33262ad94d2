"""Arithmetic on arrays, and what runs it: kernels, the threads, BLAS. Nothing here knows a network."""
