"""Damage to the files of a model, of all kinds that disks, copies and hostile people make. Shared by all formats."""

import json

# What a value of JSON is replaced by.
VALUES = [None, True, False, 0, -1, 1, 3, 2**31, 2**63, 10**30, -0.5, 1e-320, 1e308, -1e308, "", "x", "../x", [], [[1]]]
VALUES += [
    {},
    {"x": 1},
    [0] * 9,
    ["a", 2],
    {"float": "nan"},
    {"tuple": [1, 2]},
    {"array": "x"},
    {"numpy": "O", "value": 1},
]
VALUES += [{"generator": 7}, {"rule": "os.system", "parameters": {}}, {"numpy": "float32", "value": 1e300}]


def mutate(folder, rng, kinds=None):
    """Damage one file of a folder, in place.

    Parameters
    ----------
    folder : Path
    rng : numpy Generator
    kinds : list of str, optional
        Names of `KINDS` to choose from.

    Returns
    -------
    what : str
        What was done, for messages.
    """
    kind = rng.choice(kinds or [*KINDS])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if kind in OF_JSON:
        files = [path for path in files if path.suffix == ".json"] or files
    if kind in OF_SAFETENSORS:
        files = [path for path in files if path.suffix == ".safetensors"] or files
    path = files[rng.integers(len(files))]
    return f"{kind} of {path.name}: {KINDS[kind](path, rng)}"


def _flip_a_bit(path, rng):
    content = bytearray(path.read_bytes())
    at = int(rng.integers(len(content)))
    content[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    return f"at {at}"


def _flip_a_bit_of_the_beginning(path, rng):
    content = bytearray(path.read_bytes())
    at = int(rng.integers(min(400, len(content))))
    content[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    return f"at {at}"


def _overwrite(path, rng):
    content = bytearray(path.read_bytes())
    at, n = int(rng.integers(len(content))), int(rng.integers(1, 65))
    content[at : at + n] = rng.bytes(n)
    path.write_bytes(content)
    return f"{n} bytes at {at}"


def _truncate(path, rng):
    content = path.read_bytes()
    n = int(rng.integers(len(content)))
    path.write_bytes(content[:n])
    return f"to {n} bytes"


def _append(path, rng):
    n = int(rng.integers(1, 100))
    path.write_bytes(path.read_bytes() + rng.bytes(n))
    return f"{n} bytes"


def _cut_out(path, rng):
    content = path.read_bytes()
    at, n = int(rng.integers(len(content))), int(rng.integers(1, 100))
    path.write_bytes(content[:at] + content[at + n :])
    return f"{n} bytes at {at}"


def _delete(path, rng):
    path.unlink()
    return "deleted"


def _empty(path, rng):
    path.write_bytes(b"")
    return "no bytes"


def _swap(path, rng):
    others = [each for each in path.parent.iterdir() if each.is_file() and each != path]
    if not others:
        return "nothing to swap with"
    other = sorted(others)[rng.integers(len(others))]
    mine, its = path.read_bytes(), other.read_bytes()
    path.write_bytes(its)
    other.write_bytes(mine)
    return f"with {other.name}"


def swap_a_value(value, rng):
    """Replace, delete or double one value anywhere in some JSON, in place; returns what was done."""
    places = list(_places(value))
    if not places:
        return "nothing there"
    container, key = places[rng.integers(len(places))]
    choice = rng.integers(8)
    if choice == 0:
        del container[key]
        return f"{key} deleted"
    if choice == 1 and isinstance(container, list):
        container.append(container[key])
        return f"{key} doubled"
    if choice == 1:
        container[f"{key}_"] = container[key]
        return f"{key} doubled"
    if choice == 2:  # with another value of the same file, of a type that fits more often
        other, name = places[rng.integers(len(places))]
        container[key] = json.loads(json.dumps(other[name]))
        return f"{key} takes the value of {name}"
    if choice == 3 and type(container[key]) in (int, float):
        container[key] = container[key] + int(rng.choice([-1, 1, 2, 1000]))
        return f"{key} changed to {container[key]}"
    container[key] = VALUES[rng.integers(len(VALUES))]
    return f"{key} set to {container[key]!r}"


def _places(value):
    """All places of values in some JSON: what holds it, and its key."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


def _swap_in_json(path, rng):
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return "not JSON"
    what = swap_a_value(value, rng)
    path.write_text(json.dumps(value), encoding="utf-8")
    return what


def _nest_json(path, rng):
    path.write_text("[" * 100_000 if rng.integers(2) else '{"a":' * 100_000, encoding="utf-8")
    return "deep"


def _swap_in_header(path, rng):
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
    except ValueError:
        return "no header"
    what = swap_a_value(header, rng)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
    return what


def _change_header_length(path, rng):
    content, length = path.read_bytes(), [0, 1, 7, 2**20, 2**31, 2**63, 2**64 - 1][rng.integers(7)]
    if rng.integers(2):
        length = max(0, int.from_bytes(content[:8], "little") + int(rng.integers(-9, 9)))
    path.write_bytes(length.to_bytes(8, "little") + content[8:])
    return f"{length}"


#: What can be done to a file.
KINDS = {
    "bit": _flip_a_bit,
    "bit of the beginning": _flip_a_bit_of_the_beginning,
    "overwritten part": _overwrite,
    "truncation": _truncate,
    "appended bytes": _append,
    "missing part": _cut_out,
    "deletion": _delete,
    "emptying": _empty,
    "swapped files": _swap,
    "swapped value": _swap_in_json,
    "nested JSON": _nest_json,
    "swapped value of the header": _swap_in_header,
    "length of the header": _change_header_length,
}
OF_JSON = "swapped value", "nested JSON"
OF_SAFETENSORS = "swapped value of the header", "length of the header"
