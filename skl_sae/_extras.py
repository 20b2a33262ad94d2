"""Packages that only some functions need: they import them when they are called."""

from contextlib import contextmanager


@contextmanager
def extra(name):
    """Around the import of a package that an extra of the project brings: where it is missing, say how to get it."""
    try:
        yield
    except ImportError as error:
        command = f'pip install "skl-sae[{name}]"'
        raise ImportError(f"This needs a package that is not installed: {error}. Get it by {command}.") from error
