"""Training speed of `skl_sae` and its peers: the same model, data, batch size and optimizer, in interleaved rounds.

See README.md beside this file for how to read the result.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

import report
import workers as processes
from cases import CASES
from peers import PEERS

# Losses after the same steps from the same start may differ by the order of additions, not by more.
TOLERANCE = {"torch-bf16": 0.1}
DEFAULT_TOLERANCE = 0.03


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
        rates, machine_rates = take_rounds(workers, machine, notes, options)
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
        "machine": report.machine(best),
        "protocol": f"{options.rounds} rounds of {options.seconds:g} s",
        "data_note": data_note,
        "density": density,
        "least_seconds": least,
        "peers": {
            peer: {"rates": rates[peer], "loss": warm[peer]["loss"], **end}
            | {"agrees": agrees(peer, warm[peer]["loss"], warm["ours"]["loss"])}
            for peer, end in ends.items()
        },
        "notes": notes,
    }


def take_rounds(workers, machine, notes, options):
    """Rates of every peer and of the machine; each round goes through the peers in the reverse order of the last."""
    rates, machine_rates = {peer: [] for peer in workers}, []
    for turn in range(options.rounds):
        machine_rates.append(machine.ask("measure", seconds=options.seconds / 4))
        for peer in list(workers)[:: -1 if turn % 2 else 1]:
            answer = processes.attempt(
                workers, peer, notes, lambda peer=peer: workers[peer].ask("train", seconds=options.seconds)
            )
            if answer:
                rates[peer].append(answer["rate"])
        told = ", ".join(f"{peer} {rates[peer][-1]:,.0f}" for peer in workers)
        print(f"  round {turn + 1}, rows/s: {told}", flush=True)
    return rates, machine_rates


def agrees(peer, loss, ours):
    """Whether a loss is that of the same model; None for a peer with another one."""
    if loss is None or ours is None:
        return None
    return abs(loss / ours - 1) <= TOLERANCE.get(peer, DEFAULT_TOLERANCE)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--peer", nargs="+", choices=PEERS, default=list(PEERS), metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each peer in each round")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processes.HERE / "results")
    return parser.parse_args()


def main():
    options = parse()
    peers = list(dict.fromkeys(["ours", *options.peer]))
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
