"""Rules by their names: the registry, and how a parameter that takes a rule takes a name."""

from difflib import get_close_matches

from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from .._named_parameters import NamedParametersMixin
from ._base import BaseSparsity

#: The rules by the names that ``sparsity=`` accepts. Filled in ``__init__.py``, where the rules are known.
RULES = {}


class RuleParametersMixin(NamedParametersMixin):
    """Mixin of objects with a parameter that is a rule: a name of `RULES`, an object or None.

    `_none_stands_for` is the class of the rule that None means, where that is a rule with parameters.
    """

    _none_stands_for = None

    def _stand_in(self, name, value):
        if value is None and self._none_stands_for is not None:
            return self._none_stands_for()
        # The registry is read at each call, because users may add rows at any time.
        return RULES[value]() if isinstance(value, str) and value in RULES else value

    def _check_named(self, name, value):
        if value is None or isinstance(value, BaseSparsity) or (isinstance(value, str) and value in RULES):
            return
        names = ", ".join(repr(each) for each in sorted(RULES))
        raise InvalidParameterError(
            f"The {name!r} parameter of {type(self).__name__} must be a str among {{{names}}}, an instance of "
            f"'skl_sae.sparsity.BaseSparsity' or None. Got {value!r} instead.{_suggestion(value)}"
        )

    def _new_rule(self, name):
        """Make a rule to work with: a new object, so that what the user passed never changes."""
        value = getattr(self, name)
        self._check_named(name, value)
        target = self._stand_in(name, value)
        if target is None:
            return BaseSparsity()
        return clone(target) if target is value else target


def _suggestion(value):
    """What may have been meant: the nearest name, or an instance instead of the class."""
    if isinstance(value, type) and issubclass(value, BaseSparsity):
        return f" Did you mean {value.__name__}()?"
    if not isinstance(value, str):
        return ""
    spellings = {getattr(rule, "__name__", name).lower(): name for name, rule in RULES.items()}
    spellings.update({name.lower(): name for name in RULES})
    nearest = get_close_matches(value.lower().replace("-", "_").replace(" ", "_"), spellings, n=1)
    return f" Did you mean {spellings[nearest[0]]!r}?" if nearest else ""
