"""A table of what units stand for."""

from dataclasses import fields

from ..._extras import extra
from .facts import unit_facts


def describe_units(estimator, X, *, feature_names=None, y=None, texts=None, n_top=5, confidence=0.95):
    """Describe the units."""
    with extra("report"):
        import pandas as pd
    facts = unit_facts(estimator, X, feature_names=feature_names, y=y, texts=texts, n_top=n_top, confidence=confidence)
    columns = {f.name: getattr(facts, f.name) for f in fields(facts)}
    columns = {n: v for n, v in columns.items() if n not in _NOT_IN_TABLE and v is not None}
    columns = {"name": columns.pop("names"), **{n: list(v) for n, v in columns.items()}}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(facts.names), name="unit"))


_NOT_IN_TABLE = {"amounts", "spreads", "top_values", "feature_names", "n_rows"}
