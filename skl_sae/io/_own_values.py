"""Values in JSON that JSON has no form for: tuples, numbers of NumPy, arrays, rules and random states.

Each is an object with one of the keys below, and nothing else::

    {"float": "nan"}                            NaN and the infinities
    {"tuple": [1, 2]}
    {"numpy": "float32", "value": 0.5}
    {"array": "parameters.dict_init"}           in the file of arrays
    {"rule": "skl_sae.sparsity.TopK", "parameters": {"k": 8}}
    {"generator": 0}                            number in the list of random states
"""

import math

import numpy as np

from .. import sparsity
from ..sparsity import BaseSparsity
from . import _safetensors
from ._errors import ModelFileError

# The rules of the library by the names that they have in files.
RULES = {f"skl_sae.sparsity.{name}": getattr(sparsity, name) for name in sparsity.__all__}
RULES = {name: each for name, each in RULES.items() if isinstance(each, type) and issubclass(each, BaseSparsity)}
SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# Numbers in the state of a Mersenne twister.
TWISTER = 624


class Writer:
    """Turns values into what JSON can hold, and gathers the arrays and random states among them.

    Attributes
    ----------
    arrays : dict of str to ndarray
    generators : list of RandomState
    """

    def __init__(self):
        self.arrays, self.generators = {}, []

    def value(self, value, name):
        """A value as JSON; `name` is what it is called in errors, and its array in the file of arrays."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float) and not isinstance(value, np.floating):
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, list | tuple):
            items = [self.value(item, f"{name}.{i}") for i, item in enumerate(value)]
            return items if isinstance(value, list) else {"tuple": items}
        if isinstance(value, np.generic) and value.dtype in _safetensors.NAMES:
            return {"numpy": value.dtype.name, "value": self.value(value.item(), name)}
        if type(value) is np.ndarray and value.dtype in _safetensors.NAMES:
            return self.array(name, value)
        if isinstance(value, BaseSparsity):
            items = value.get_params(deep=False).items()
            parameters = {key: self.value(item, f"{name}.{key}") for key, item in items}
            return {"rule": _name_of(type(value)), "parameters": parameters}
        if type(value) is np.random.RandomState and value.get_state(legacy=False)["bit_generator"] == "MT19937":
            return self.generator(value)
        raise ValueError(
            f"{name} is a {type(value).__name__}, which files of the format 'skl_sae' cannot hold: expected numbers, "
            "text, None, lists, tuples, NumPy arrays of numbers, rules or a RandomState. Set it to one of these; or "
            "keep the model with joblib.dump or skops.io.dump."
        )

    def array(self, name, array):
        """Note an array."""
        self.arrays[name] = array
        return {"array": name}

    def generator(self, generator):
        """Note a random state; the same one has one number, wherever it is used."""
        if not any(each is generator for each in self.generators):
            self.generators.append(generator)
        return {"generator": next(i for i, each in enumerate(self.generators) if each is generator)}

    def states(self):
        """The random states as JSON."""
        states = []
        for i, generator in enumerate(self.generators):
            state = generator.get_state(legacy=False)
            self.array(f"generators.{i}", state["state"]["key"])
            numbers = {"position": state["state"]["pos"], "has_gauss": state["has_gauss"], "gauss": state["gauss"]}
            states.append({name: self.value(number, name) for name, number in numbers.items()})
        return states


class Reader:
    """Turns JSON back into values.

    Parameters
    ----------
    arrays : Arrays
    trusted : list of type
        Classes of rules that a file may name, besides those of the library.
    states : list
        The random states as JSON.
    """

    def __init__(self, arrays, trusted, states):
        self.arrays, self.trusted = arrays, {each.__name__: each for each in trusted}
        self.generators = [self._generator(i, state) for i, state in enumerate(states)]

    def value(self, entry):
        """JSON with all values as they were."""
        if isinstance(entry, list):
            return [self.value(item) for item in entry]
        if not isinstance(entry, dict):
            return entry
        keys = set(entry)
        if keys == {"float"}:
            return SPECIAL[entry["float"]]
        if keys == {"tuple"}:
            return tuple(self.value(_expect(entry["tuple"], list)))
        if keys == {"numpy", "value"}:
            dtype = np.dtype(_expect(entry["numpy"], str))
            value = self.value(entry["value"])
            if dtype not in _safetensors.NAMES or not isinstance(value, bool | int | float):
                raise ModelFileError(f"got {entry}, expected a number of NumPy")
            return dtype.type(value)
        if keys == {"array"}:
            return self.arrays.take(_expect(entry["array"], str))
        if keys == {"rule", "parameters"}:
            return new(self._rule(_expect(entry["rule"], str)), self._values(_expect(entry["parameters"], dict)))
        if keys == {"generator"}:
            return self.generators[_expect(entry["generator"], int)]
        return self._values(entry)

    def _values(self, entry):
        """Values by names, whatever these are."""
        return {name: self.value(value) for name, value in entry.items()}

    def _rule(self, name):
        """The class of a rule: of the library, or a trusted one. None is imported by a name."""
        if name in RULES:
            return RULES[name]
        rule = self.trusted.get(name.rpartition(".")[2])
        if rule is None:
            short = name.rpartition(".")[2]
            raise ModelFileError(
                f"the model has the rule {name}, which is none of skl_sae.sparsity. Classes are not looked up by names "
                f"in files: import it, and give it to load(folder, trusted=[{short}])"
            )
        return rule

    def _generator(self, i, state):
        if set(state) != {"position", "has_gauss", "gauss"}:
            raise ModelFileError(f"the random state {i} has the entries {sorted(state)}")
        key, gauss = self.arrays.take(f"generators.{i}", (TWISTER,), "uint32"), self._number(state["gauss"])
        position, has_gauss = _expect(state["position"], int), _expect(state["has_gauss"], int)
        if not (0 <= position <= TWISTER and has_gauss in (0, 1)):
            raise ModelFileError(f"the random state {i} is damaged: {state}")
        generator = np.random.RandomState()
        generator.set_state(("MT19937", key, position, has_gauss, gauss))
        return generator

    def _number(self, value):
        return _expect(self.value(value), float)


def _name_of(kind):
    """The name that a class of rules has in files."""
    return next((name for name, each in RULES.items() if each is kind), f"{kind.__module__}.{kind.__qualname__}")


def _expect(value, kind):
    if type(value) is not kind:
        raise ModelFileError(f"got {value!r:.80}, expected a value of the type {kind.__name__}")
    return value


def new(kind, parameters):
    """An object with these parameters; those that a file lacks, because they are newer, have their defaults."""
    unknown = sorted(set(parameters) - set(kind._get_param_names()))
    if unknown:
        raise ModelFileError(f"{kind.__name__} has no parameter {unknown[0]!r}; the file has one")
    return kind(**parameters)
