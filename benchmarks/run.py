"""Training speed of `skl_sae` and its peers: the same model, data, batch size and optimizer, in interleaved rounds.

See README.md beside this file for how to read the result.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

import processors
import quick
import report
import rounds
import speed_page
import workers as processes
from cases import CASES
from peers import PEERS

# Losses after the same steps from the same start may differ by the order of additions, not by more.
TOLERANCE = {"torch-bf16": 0.1}
DEFAULT_TOLERANCE = 0.03

DEFAULTS = {"rounds": 7, "seconds": 2.0, "repeats": rounds.REPEATS}


def measure(name, peers, options):
    """Record of one case: all rounds of all peers, in turn."""
    case, notes = CASES[name], {}
    print(f"{name}: {case.title}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data_note = processes.prepare(name, folder, options.mnist)
        workers = processes.start(["machine", *peers], name, folder, notes)
        machine = workers.pop("machine")
        warm = {}
        for peer in list(workers):
            warm[peer] = processes.attempt(
                workers, peer, notes, lambda peer=peer: workers[peer].ask("warm", chunks=case.warm)
            )
        rates, speedups, machine_rates = rounds.take(
            workers, notes, options, first=lambda: machine.ask("measure", seconds=options.seconds / 4)
        )
        ends = {peer: worker.ask("finish") for peer, worker in workers.items()}
        best = {unit: median(r[unit] for r in machine_rates) for unit in machine_rates[0]}
        density = [warm["ours"]["density"], ends["ours"]["density"]]
        least = machine.ask("least", density=sum(density) / 2, rates=best)["seconds"]
        for worker in [machine, *workers.values()]:
            worker.close()
    return {
        "title": case.title,
        "batch": case.batch,
        "units": case.units,
        "machine": processors.measured_on(best),
        "protocol": f"{options.rounds} rounds of {options.seconds:g} s",
        "data_note": data_note,
        "density": density,
        "least_seconds": least,
        "speedups": speedups,
        "peers": {
            peer: {"rates": rates[peer], "loss": warm[peer]["loss"], **end}
            | {"agrees": agrees(peer, warm[peer]["loss"], warm["ours"]["loss"])}
            for peer, end in ends.items()
        },
        "notes": notes,
    }


def agrees(peer, loss, ours):
    """Whether a loss is that of the same model; None for a peer with another one."""
    if loss is None or ours is None:
        return None
    return abs(loss / ours - 1) <= TOLERANCE.get(peer, DEFAULT_TOLERANCE)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="some minutes; beside docs/benchmarks.rst, no files")
    parser.add_argument("--table", action="store_true", help="measure nothing: write the tables from the records")
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help=", ".join(CASES))
    told = f"{', '.join(PEERS)}; by default all, and with --quick {', '.join(quick.PEERS)}"
    parser.add_argument("--peer", nargs="+", choices=PEERS, metavar="NAME", help=told)
    parser.add_argument("--rounds", type=int, help="7, and with --quick at most 3")
    parser.add_argument("--seconds", type=float, help="of each peer in each round: 2, and with --quick 0.3")
    parser.add_argument("--repeats", type=int, help="of a round in which a core was missing: 3, and with --quick 1")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    for name, value in (quick.DEFAULTS if options.quick else DEFAULTS).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def main():
    options = parse()
    if options.table:
        speed_page.write()
    elif options.quick:
        quick.run(options)
    else:
        compare(options)


def compare(options):
    """Measure, and save a record a case."""
    peers = list(dict.fromkeys(["ours", *(options.peer or PEERS)]))
    unequal = []
    for name in options.case:
        record = measure(name, peers, options)
        report.save(options.out, name, record)
        print(report.table(record), flush=True)
        unequal += [f"{name}: {peer}" for peer, result in record["peers"].items() if result["agrees"] is False]
    if unequal:
        raise SystemExit(f"not the same model, by the loss after the same steps: {', '.join(unequal)}")


if __name__ == "__main__":
    main()
