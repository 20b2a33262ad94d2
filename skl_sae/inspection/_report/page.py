"""All units on one page."""

from pathlib import Path

import numpy as np

from ..._parameters import with_plain_arguments
from .._chosen_units import unit_indices
from .._displays.unit_data import beginning, unit_data
from .._displays.unit_panels import image_scale
from .._model import InspectedModel
from . import markup
from .page_parts import page

# Columns, neighbours and texts that a card shows at once, and letters of a text.
_BARS, _NEIGHBOURS, _TEXTS, _LETTERS = 7, 3, 3, 220


@with_plain_arguments
def unit_report(
    estimator,
    X,
    path=None,
    *,
    units=None,
    feature_names=None,
    y=None,
    texts=None,
    image_shape=None,
    n_top=8,
    title=None,
):
    """Describe all units on a page of HTML that any browser opens, without a network.

    Each unit is a card: its name, how often it is active and what it counts for; what it adds, as a tile, a list of
    terms or bars of columns with amounts in their own units; its top rows; the classes among its rows, with intervals;
    a histogram of its values; and links to similar units and to those that are active in the same rows. The page has a
    search for words and can be sorted. Pictures are part of the file, texts of the data are shown as they are and
    never run as markup or code, and nothing is loaded from anywhere.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such; leading steps without an
        inverse, as a vectoriser of texts, are applied first.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Data, or texts for a pipeline that begins with a vectoriser.
    path : str or path-like, default=None
        File to write, in UTF-8; one that exists is replaced. None writes none.
    units : array-like of int or of str, default=None
        Units to show, by index or by name. None shows all: some kilobytes for each.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns. None takes those that the estimator knows.
    y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes), default=None
        Class of each row, or zeros and ones, a column a class: as of `describe_units`.
    texts : array-like of str of shape (n_samples,), default=None
        Text of each row, to show. None shows X, if these are texts.
    image_shape : tuple of int, default=None
        Shape of a row as an image: (height, width) or (height, width, channels), with 1 or 3 channels.
    n_top : int, default=8
        Rows to show of each unit: those with the largest values.
    title : str, default=None
        Title of the page. None takes the name of the estimator.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ValueError
        If a unit does not exist, `image_shape` does not fit, or y or texts do not have one entry a row.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    describe_units : The same as a table.
    UnitDisplay : One card as a picture of matplotlib.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import unit_report
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=16, max_iter=5, random_state=0).fit(X)
    >>> page = unit_report(sae, X, y=y, image_shape=(8, 8))
    >>> page.count("<article"), "http://" in page
    (16, False)
    """
    model = InspectedModel(estimator, feature_names)
    chosen = unit_indices(model, units)
    data = unit_data(model, X, y=y, texts=texts, image_shape=image_shape, n_top=n_top)
    title = f"Units of {type(model.learner).__name__}" if title is None else title
    cards = [_card(data, int(unit), set(chosen.tolist())) for unit in chosen]
    text = page(markup.text(title), _introduction(estimator, data, len(chosen)), cards)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _introduction(estimator, data, n_shown):
    density = data.facts.density
    dead = int((density == 0).sum())
    shown = "" if n_shown == len(density) else f"{n_shown} are shown. "
    return (
        f"<p>{len(density)} units, seen on {data.facts.n_rows} rows; {markup.number(density.sum())} are active in a "
        f"row on average, {dead} in none. {shown}Red adds to the reconstruction, blue takes away, at the typical value "
        "of the unit. A name says what is high or low in its rows, whatever adds it. A class has lift 2 if it is twice "
        "as frequent where the unit is on as in all rows. Explained shares are what would be lost without the unit.</p>"
        f"<details><summary>The estimator</summary><pre>{markup.text(repr(estimator))}</pre></details>"
    )


def _card(data, unit, linked):
    """One unit, as markup."""
    facts = data.facts
    alive = facts.density[unit] > 0
    keys = {"unit": unit, "density": facts.density[unit], "share": facts.explained_share[unit]}
    keys.update(value=abs(facts.typical_value[unit]), redundancy=facts.redundancy[unit])
    attributes = " ".join(f'data-{name}="{float(np.nan_to_num(value)):.6g}"' for name, value in keys.items())
    parts = [_what_it_adds(data, unit), _top_rows(data, unit)] if alive else []
    side = [markup.classes(facts.classes[unit][:6])] if facts.classes is not None and facts.classes[unit] else []
    side += [markup.histogram(data.values(unit))] if alive else []
    return (
        f'<article id="unit-{unit}" {attributes}{"" if alive else " class=dead"}>'
        f'<h2><a href="#unit-{unit}">{unit}</a>{markup.text(data.name(unit))}</h2>'
        f'<p class="line">{markup.text(data.line(unit))}</p>{"".join(parts)}<div class="side">{"".join(side)}</div>'
        f"{_neighbours(facts, unit, linked) if alive else ''}</article>\n"
    )


def _what_it_adds(data, unit):
    if data.image_shape is not None:
        images, mean = data.images(unit), data.mean_image(unit)
        scale = image_scale(images)
        pictures = {
            "adds": markup.signed_pixels(data.filter(unit)),
            "top rows": markup.pixels_of(markup.sheet_of(images, 4), scale),
            "their mean": markup.pixels_of(mean, scale),
        }
        figures = [
            f"<figure>{markup.picture(pixels, f'unit {unit}, {name}')}<figcaption>{name}</figcaption></figure>"
            for name, pixels in pictures.items()
        ]
        return f'<div class="images">{"".join(figures)}</div>'
    if data.facts.terms is not None and data.facts.terms[unit]:
        return markup.terms(data.facts.terms[unit])
    return markup.bars(*data.bars(unit, _BARS))


def _top_rows(data, unit):
    """The top rows as texts or as a table of the columns that the unit changes."""
    rows = data.facts.top_rows[unit]
    if data.facts.texts is not None:
        items = [f"<li>{markup.text(beginning(data.facts.texts[row], _LETTERS))}</li>" for row in rows]
        first, more = (f'<ul class="texts">{"".join(each)}</ul>' for each in (items[:_TEXTS], items[_TEXTS:]))
        return first if len(items) <= _TEXTS else f"{first}<details><summary>more rows</summary>{more}</details>"
    if data.image_shape is not None:
        return ""
    columns = data.columns(unit, _BARS)[0]
    found = markup.table(data.facts.feature_names[columns], rows, data.rows(unit)[:, columns])
    return f"<details><summary>top rows</summary>{found}</details>"


def _neighbours(facts, unit, linked):
    lines = []
    for words, found in (("similar", facts.nearest_units[unit]), ("active with", facts.coactive_units[unit])):
        each = [
            f'<a href="#unit-{other}">{other}</a> ({markup.number(value)})'
            if other in linked
            else f"{other} ({markup.number(value)})"
            for other, value in found[:_NEIGHBOURS]
        ]
        if each:
            lines.append(f"<p>{words}: {', '.join(each)}</p>")
    lines.append(f"<p>redundancy {markup.number(facts.redundancy[unit])}</p>")
    return f"<footer>{''.join(lines)}</footer>"
