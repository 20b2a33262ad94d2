"""How parameters are read: which numbers are taken, and that they are Python's own where they are computed with.

Scikit-learn keeps what a constructor was given as it is. A product of ``np.int8(100)`` overflows without a word, and a
product with ``np.float16(0.1)`` may round the other factor; so estimators return the very objects from `get_params`,
and read them as plain numbers everywhere else.
"""

import inspect
import math
from contextlib import contextmanager
from functools import wraps
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, MissingValues, validate_params

# What is read as it is; asked first, as most parameters are of these types.
PLAIN = {int, float, bool, str, type(None), tuple}
# Larger whole numbers become objects in an array.
LARGEST = 2**63


def plain(value):
    """A number, bool or string of NumPy's as Python's own, any real number as a float; all else as it is."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, np.bool_ | np.str_):
        return value.item()
    if isinstance(value, int | str) or not _is_real(value):  # with enumerations
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def _is_real(value):
    """Whether a value is a number; a length of time is none, which NumPy counts among the integers."""
    return isinstance(value, Real) and not isinstance(value, np.timedelta64)


def _is_slip(value):
    """Whether a plain value is a bool, which is an integer to Python, or an integer beyond 64 bits."""
    return isinstance(value, bool) or (isinstance(value, int) and abs(value) >= LARGEST)


def is_count(value, least=1):
    """Whether a value is a whole number of at least `least`; a bool is none."""
    value = plain(value)
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def plain_list(values):
    """The numbers of an array-like, or one number, as a list of plain ones; what is no number stays in it."""
    return [plain(value) for value in np.atleast_1d(np.asarray(values, dtype=object)).tolist()]


def is_number(value):
    """Whether a value is a finite real number; a bool is none, nor is an integer beyond 64 bits."""
    value = plain(value)
    return isinstance(value, int | float) and not _is_slip(value) and math.isfinite(value)


class _Number(Interval):
    """An interval that has no bool, and no integer beyond 64 bits."""

    def is_satisfied_by(self, val):
        val = plain(val)
        return _is_real(val) and not _is_slip(val) and super().is_satisfied_by(val)


def integer(least=1):
    """The constraint of a whole number of at least `least`, or of any one without it."""
    return _Number(Integral, least, None, closed="neither" if least is None else "left")


def real(left, right, *, closed, kind=Real):
    """The constraint of a real number between two bounds, of which None is infinity and never reached."""
    return _Number(kind, left, right, closed=closed)


class MissingMarker(MissingValues):
    """What stands for a missing value in numbers: no bool, and no integer beyond 64 bits."""

    def is_satisfied_by(self, val):
        val = plain(val)
        return not _is_slip(val) and super().is_satisfied_by(val)


def checked(constraints, *, prefer_skip_nested_validation):
    """Like scikit-learn's `validate_params`, for functions that are to read plain numbers."""

    def decorate(function):
        return validate_params(constraints, prefer_skip_nested_validation=prefer_skip_nested_validation)(
            with_plain_arguments(function)
        )

    return decorate


def with_plain_arguments(function):
    """Let a function, or a method, read its arguments as plain numbers."""

    @wraps(function)
    def call(*args, **kwargs):
        return function(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})

    return call


@contextmanager
def named(name):
    """Put the name of an argument before the messages of scikit-learn's checks: X is not the only array of a call."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if f"Input {name} " in str(error):
            raise
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{name}: {error}") from error


def check_named_array(name, array, **options):
    """Like scikit-learn's `check_array`, with the name in every message."""
    with named(name):
        return check_array(array, input_name=name, **options)


class ReadThrough:
    """An attribute that is kept as it was given, and read through a function.

    Parameters
    ----------
    name : str
    read : callable
        What is read, of what is kept.
    """

    def __init__(self, name, read):
        self.name, self.read = name, read

    def __get__(self, estimator, owner=None):
        if estimator is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.name!r}")
        try:
            kept = vars(estimator)[self.name]
        except KeyError:
            message = f"{type(estimator).__name__!r} object has no attribute {self.name!r}"
            raise AttributeError(message, name=self.name, obj=estimator) from None
        return self.read(kept)

    def __set__(self, estimator, value):
        vars(estimator)[self.name] = value

    def __delete__(self, estimator):
        if self.name not in vars(estimator):
            raise AttributeError(self.name)
        del vars(estimator)[self.name]


class PlainParametersMixin(BaseEstimator):
    """Lets an object read its parameters as plain values, and return the very ones that it was given."""

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        code = getattr(inspect.unwrap(cls.__init__), "__code__", None)  # a signature may evaluate annotations
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount] if code else ()
        known = set().union(*map(vars, cls.__mro__))
        for name in (each for each in names if each not in known):
            setattr(cls, name, ReadThrough(name, plain))

    def get_params(self, deep=True):
        """Get parameters, as they were given.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the parameters of nested objects, as ``sparsity__name``.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = super().get_params(deep)
        return {name: vars(self).get(name, value) for name, value in params.items()}
