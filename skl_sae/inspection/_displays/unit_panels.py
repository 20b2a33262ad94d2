"""The panels of a card: a tile, bars of columns, terms, classes, values, and texts."""

import textwrap

import numpy as np

from .common import draw_sheet, gap_between, histogram_edges, tile_sheet
from .unit_data import beginning

ADDS, TAKES, NEUTRAL = "#c0392b", "#2c6fbb", "#7f8c8d"
# Characters of a line of text.
LINE = 76


def draw_header(ax, name, line):
    """Write what the unit is called, and a line about it."""
    ax.set_axis_off()
    options = {"transform": ax.transAxes, "va": "center", "clip_on": False}
    ax.text(0, 0.75, _shortened(name, 90), fontsize="large", weight="bold", **options)
    ax.text(0, 0.2, line, fontsize="small", color="0.35", **options)


def plain(ax, title=None):
    """Take away what a small panel does not need."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize="small", length=2)
    if title is not None:
        ax.set_title(title, fontsize="small", loc="left", color="0.3")


def draw_filter(ax, image):
    """Draw what a unit adds to an image: red adds, blue takes away; colours of their own with grey for zero."""
    limit = np.nanmax(np.abs(image)) or 1.0
    draw_sheet(ax, image, -limit, limit, cmap="RdBu_r")
    plain(ax, "adds to the image")
    ax.spines[:].set(visible=True, color="0.8")


def image_scale(images):
    """Return the smallest and the largest number that there is."""
    finite = images[np.isfinite(images)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def draw_image(ax, image, scale, title):
    """Draw an image in grey or in its own colours."""
    draw_sheet(ax, image, *scale, cmap="gray")
    plain(ax, title)


def draw_images(ax, images, scale):
    """Draw the top rows."""
    gap = gap_between(images)
    draw_image(ax, tile_sheet(images, int(np.ceil(np.sqrt(len(images)))), (gap, gap)), scale, "its top rows")
    ax.set_facecolor("none")


def draw_bars(ax, names, amounts, sizes):
    """Draw a bar a column, as long as its change in standard deviations, with the amount in the column's own unit."""
    if len(names) == 0:
        ax.set_axis_off()
        plain(ax, "adds nothing to any column")
        return
    places = np.arange(len(names))[::-1]
    ax.barh(places, sizes, color=np.where(sizes > 0, ADDS, TAKES), height=0.7)
    ax.set_yticks(places, [_shortened(name, 28) for name in names], fontsize="small")
    ax.axvline(0, color="0.4", linewidth=0.8)
    ends = [*sizes, 0.0]
    low, high = min(ends), max(ends)
    room = 0.28 * ((high - low) or 1.0)
    ax.set_xlim(low - room * (low < 0), high + room * (high > 0))
    for place, amount, size in zip(places, amounts, sizes):
        text = f"{amount:+.3g}".replace("-", "\N{MINUS SIGN}")
        ends = {"ha": "left", "xytext": (3, 0)} if size > 0 else {"ha": "right", "xytext": (-3, 0)}
        ax.annotate(text, (size, place), **ends, va="center", textcoords="offset points", fontsize="small")
    plain(ax, "adds to each column, in its own unit")
    ax.set_xlabel("standard deviations of the column", fontsize="small")


def draw_terms(ax, terms):
    """Draw the terms that tell the rows of the unit, the most telling first."""
    places = np.arange(len(terms))[::-1]
    ax.barh(places, [odds for _, odds, _ in terms], color=ADDS, height=0.12, align="center")
    ax.plot([odds for _, odds, _ in terms], places, "o", color=ADDS, markersize=5)
    ax.set_yticks(places, [_shortened(term, 24) for term, _, _ in terms])
    ax.set_xlim(left=0)
    plain(ax, "terms of its rows")
    ax.tick_params(axis="y", labelsize="medium", length=0)
    ax.set_xlabel("log-odds against other rows", fontsize="small")


def draw_classes(ax, classes):
    """Draw the lift of classes with their intervals."""
    places = np.arange(len(classes))[::-1]
    lifts = np.array([lift for _, lift, _, _ in classes])
    low, high = np.array([each[2:] for each in classes]).T
    colors = np.where(low > 1, ADDS, np.where(high < 1, TAKES, NEUTRAL))
    ax.hlines(places, low, high, color=colors, linewidth=2)
    ax.scatter(lifts, places, color=colors, s=22, zorder=3)
    ax.axvline(1, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
    ax.set_yticks(places, [_shortened(str(label), 18) for label, *_ in classes])
    ax.set_ylim(-0.6, len(classes) - 0.4)
    ax.set_xlim(0, 1.06 * max(lifts.max(), np.minimum(high, 1.5 * lifts.max()).max(), 1.2))
    plain(ax, "lift of classes")


def draw_values(ax, values):
    """Draw a histogram of the values in active rows."""
    values = np.asarray(values, dtype=np.float64)
    ax.hist(values, bins=histogram_edges(values, min(30, max(5, int(np.sqrt(len(values)))))), color=NEUTRAL)
    plain(ax, "values where active")
    ax.set_ylabel("rows", fontsize="small")
    ax.yaxis.get_major_locator().set_params(integer=True, nbins=4)


def draw_texts(ax, texts, n_texts=5):
    """Write the beginning of texts."""
    ax.set_axis_off()
    text = "\n\n".join(textwrap.fill(beginning(text, 2 * LINE - 16), LINE) for text in texts[:n_texts])
    ax.text(0, 1, _literal(text), va="top", fontsize="small", linespacing=1.3, transform=ax.transAxes)
    plain(ax, "top rows")


def _shortened(name, width):
    name = str(name)
    return _literal(name if len(name) <= width else name[: width - 1] + "\N{HORIZONTAL ELLIPSIS}")


def _literal(text):
    """A dollar sign would begin a formula."""
    return text.replace("$", r"\$")
