"""Pieces of a page: pictures as data, bars and histograms, all without anything from elsewhere."""

import struct
import zlib
from base64 import b64encode
from html import escape

import numpy as np

from .._displays.common import gap_between, histogram_edges, tile_sheet

# Kinds of colours of a PNG by the number of channels.
_KINDS = {1: 0, 2: 4, 3: 2, 4: 6}
_RED, _BLUE = np.array([178.0, 24.0, 43.0]), np.array([33.0, 102.0, 172.0])


def text(value):
    """Return a value as text that is not markup; half of a surrogate pair, which no file can hold, becomes "?"."""
    return escape(str(value).encode("utf-8", "replace").decode("utf-8"), quote=True)


def number(value):
    """Return a number in three digits; a dash where there is none."""
    return "\N{EN DASH}" if np.isnan(value) else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def picture(pixels, alt):
    """Return an image tag that holds the pixels, uint8 of shape (height, width, channels), as PNG."""
    height, width, channels = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, _KINDS[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    data = b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
    return f'<img alt="{text(alt)}" width="{width}" height="{height}" src="data:image/png;base64,{data}">'


def signed_pixels(image):
    """Colours of what is added: red adds, blue takes away; channels around grey."""
    image = np.nan_to_num(image) / (np.nanmax(np.abs(image)) or 1.0)
    if image.ndim == 3:
        return np.rint(127.5 + 127.5 * image).astype(np.uint8)
    end = np.where(image[..., None] > 0, _RED, _BLUE)
    return np.rint(255 + (end - 255) * np.abs(image[..., None])).astype(np.uint8)


def pixels_of(image, scale):
    """Grey or coloured pixels, transparent where there is no number."""
    image = image[..., None] if image.ndim == 2 else image
    seen = np.isfinite(image).all(axis=2, keepdims=True)
    low, high = scale
    scaled = np.clip((np.where(seen, image, low) - low) / ((high - low) or 1.0), 0.0, 1.0)
    return np.rint(255 * np.concatenate([scaled, seen], axis=2)).astype(np.uint8)


def sheet_of(images, n_columns):
    """Several images on one sheet."""
    gap = gap_between(images)
    return tile_sheet(images, min(n_columns, len(images)), (gap, gap))


def bars(names, amounts, sizes):
    """Return a list of columns with bars from a common zero, as long as `sizes`, and the amounts."""
    low, high = min(sizes.min(initial=0), 0.0), max(sizes.max(initial=0), 0.0)
    per_cent = 100 / ((high - low) or 1.0)
    rows = []
    for name, amount, size in zip(names, amounts, sizes):
        start, width = (min(size, 0.0) - low) * per_cent, abs(size) * per_cent
        kind, sign = ("adds", "+") if size > 0 else ("takes", "")
        rows.append(
            f'<li title="{text(name)}: {number(size)} standard deviations"><span>{text(name)}</span>'
            f'<span class="track"><i class="{kind}" style="left:{start:.1f}%;width:{width:.1f}%"></i></span>'
            f"<b>{sign}{number(amount)}</b></li>"
        )
    return f'<ul class="bars">{"".join(rows)}</ul>'


def terms(found):
    """Return terms, larger where they tell more."""
    largest = max((odds for _, odds, _ in found), default=1.0) or 1.0
    tags = [
        f'<li style="font-size:{0.8 + 0.4 * max(odds, 0) / largest:.2f}em" title="log-odds {number(odds)}, z '
        f'{number(z)}">{text(term)}</li>'
        for term, odds, z in found
    ]
    return f'<ul class="terms">{"".join(tags)}</ul>'


def classes(found):
    """Return a table of classes with their lift and its interval."""
    rows = []
    for label, lift, low, high in found:
        kind = "more" if low > 1 else "less" if high < 1 else "same"
        rows.append(
            f'<tr class="{kind}"><th>{text(label)}</th><td>{number(lift)}\N{MULTIPLICATION SIGN}</td>'
            f"<td>{number(low)}\N{EN DASH}{number(high)}</td></tr>"
        )
    head = "<tr><th>class</th><td>lift</td><td>95 % interval</td></tr>"
    return f'<table class="classes"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def histogram(values):
    """Return a small histogram."""
    values = np.asarray(values, dtype=np.float64)
    counts, edges = np.histogram(values, bins=histogram_edges(values, 24))
    tallest = counts.max() or 1
    rects = [
        f'<rect x="{5 * i}" y="{40 - 40 * count / tallest:.1f}" width="4.4" height="{40 * count / tallest:.1f}"/>'
        for i, count in enumerate(counts)
        if count
    ]
    return (
        '<figure class="values"><svg viewBox="0 0 120 40" preserveAspectRatio="none" role="img" '
        f'aria-label="histogram of {len(values)} values">{"".join(rects)}</svg>'
        f"<figcaption><span>{number(edges[0])}</span><span>values where active</span><span>"
        f"{number(edges[-1])}</span></figcaption></figure>"
    )


def table(names, rows, numbers):
    """Return a table of some columns of some rows."""
    head = "".join(f"<th>{text(name)}</th>" for name in names)
    body = "".join(
        f"<tr><th>{int(row)}</th>{''.join(f'<td>{number(value)}</td>' for value in values)}</tr>"
        for row, values in zip(rows, numbers)
    )
    return f'<div class="wide"><table><thead><tr><th>row</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
