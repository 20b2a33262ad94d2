"""Records of training speed: how they are kept, and what is computed from one.

A record has the rates of every round. One that somebody else took may have ``ratios`` alone, ours over each peer's, and
a ``roofline``; then rates are unknown, and so is their spread.
"""

import json
from statistics import median

import second_core
from cases import CASES
from peers import PEERS
from processors import RESULTS


def read(folder):
    """Records of a folder by case, in the order of the cases."""
    records = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {name: records[name] for name in CASES if name in records}


def read_all(results=RESULTS):
    """Records of all processors, by the name of their folder."""
    return {path.parent.name: read(path.parent) for path in sorted(results.glob("*/results.json"))}


def keep(path, name, record, order):
    """Put a record among those in a file; returns all whose name is in `order`, in that order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    records[name] = record
    records = {known: records[known] for known in order if known in records}
    path.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    return records


def has_rates(record):
    return "ratios" not in record


def peers_of(record):
    """Names of the peers, in their order and without ours."""
    there = record.get("ratios") or record["peers"]
    return [peer for peer in PEERS if peer != "ours" and peer in there]


def rate(record, peer):
    """Median of the rounds, rows a second."""
    return median(record["peers"][peer]["rates"])


def ratio(record, peer):
    """Ours over the peer's: the ratio of the medians."""
    return rate(record, "ours") / rate(record, peer) if has_rates(record) else record["ratios"][peer]


def spread(record, peer):
    """Least and largest ratio of a round; the ratio itself twice where rounds are unknown."""
    if not has_rates(record):
        return (ratio(record, peer),) * 2
    rounds = [a / b for a, b in zip(record["peers"]["ours"]["rates"], record["peers"][peer]["rates"])]
    return min(rounds), max(rounds)


def roofline(record):
    """Share of the least time of a step in its measured time."""
    if not has_rates(record):
        return record["roofline"]
    return record["least_seconds"] * rate(record, "ours") / record["batch"]


def rounds_alone(record):
    """Number of rounds in which some core was not there; 0 where nobody looked."""
    cores = record["machine"]["cores"]
    return sum(not second_core.is_there(speedup, cores) for speedup in record.get("speedups", []))


def processor(records):
    """Name of the processor of a folder's records, with generation and cores."""
    machine = next(iter(records.values()))["machine"]
    words = f"{machine['processor']} {machine.get('generation', '')}".strip()
    return f"{words}, {machine['cores']} cores"
