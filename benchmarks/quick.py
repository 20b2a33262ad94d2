"""A comparison within three minutes: does this machine bear out the tables of docs/benchmarks.rst?

All cases, few peers, short turns, fewer rounds. Processes go from case to case, because starting one takes longer than
its turns. Each ratio is compared with the table of this processor; where that was never measured, with the worst of
all processors.
"""

import tempfile
import time
from pathlib import Path

import data
import processors
import records
import rounds
import second_core
import workers as processes
from cases import CASES

#: Seconds from the start after which the rounds that a case may go without are left out.
BUDGET = 165
#: Rows of a call where a whole one takes some peers seconds.
FEWER_ROWS = {"topk_6144": 4096, "topk_6144_b512": 2048, "csr_text": 2560}
PEERS = ["torch", "torch-fused", "mlp"]
DEFAULTS = {"rounds": 3, "seconds": 0.3, "repeats": 1}


def run(options):
    """Measure all cases and print the verdicts; writes nothing."""
    begin, workers, every = time.perf_counter(), {}, records.read_all()
    peers = list(dict.fromkeys(["ours", *(options.peer or PEERS)]))
    known = processors.slug() in every
    print(
        f"{processors.title()}: " + ("measured before" if known else "never measured, so beside the worst"), flush=True
    )
    verdicts = []
    for i, name in enumerate(options.case):
        share = BUDGET * (i + 1) / len(options.case)
        record = measure(name, peers, workers, options, lambda until=begin + share: time.perf_counter() > until)
        for peer in records.peers_of(record):
            verdicts.append(verdict(record, name, peer, every))
            print(f"  {verdicts[-1]}", flush=True)
    for worker in workers.values():
        worker.close()
    print(f"\n{summary(verdicts)}, in {time.perf_counter() - begin:.0f} s")


def measure(name, peers, workers, options, over):
    """A record of a case with the rounds in which all cores were there.

    Workers that are missing are started, the others get the new case. Only ours has to be trained until its code is as
    sparse as in the records: the peers' products are dense whatever the code is.
    """
    print(f"{name}: {CASES[name].title}", flush=True)
    notes = {}
    with tempfile.TemporaryDirectory() as folder:
        data.write(CASES[name], Path(folder), options.mnist)
        for peer in peers:
            processes.attempt(workers, peer, notes, lambda peer=peer: ready(workers, peer, name, folder))
        for peer in list(workers):
            chunks = CASES[name].warm if peer == "ours" else min(2, CASES[name].warm)
            processes.attempt(
                workers, peer, notes, lambda peer=peer, chunks=chunks: workers[peer].ask("warm", chunks=chunks)
            )
        rates, speedups, _ = rounds.take(workers, notes, options, over=over)
    whole = [i for i, speedup in enumerate(speedups) if second_core.is_there(speedup, processors.n_cores())]
    return {"peers": {peer: {"rates": [rates[peer][i] for i in whole]} for peer in workers}}


def ready(workers, peer, name, folder):
    """Give a worker a case."""
    if peer not in workers:
        workers[peer] = processes.Worker(peer, name, folder)
    workers[peer].ask("take", case=name, folder=folder, most_rows=FEWER_ROWS.get(name))


def claim(name, peer, every, slug):
    """What the records say, least and largest ratio of a round: of this processor, or else of the one with the worst.

    None where no processor has the peer.
    """
    having = {key: each[name] for key, each in every.items() if name in each and peer in records.peers_of(each[name])}
    if not having:
        return None
    record = having.get(slug) or min(having.values(), key=lambda each: records.ratio(each, peer))
    return records.ratio(record, peer), *records.spread(record, peer)


def verdict(record, name, peer, every, slug=None):
    """A line about a case and a peer: above or below the claim where the spreads of the two do not meet."""
    if (whole := len(record["peers"][peer]["rates"])) < 2:
        return f"{name}, {peer}: no verdict, since a core was missing in all rounds but {whole}"
    low, high = records.spread(record, peer)
    told = f"{name}, {peer}: {records.ratio(record, peer):.2f} ({low:.2f}-{high:.2f})"
    claimed = claim(name, peer, every, slug or processors.slug())
    if claimed is None:
        return f"{told}: no verdict, never measured"
    ratio, least, most = claimed
    word = "above" if low > most else "below" if high < least else "within the spread of"
    return f"{told}: {word} {ratio:.2f} ({least:.2f}-{most:.2f})"


def summary(verdicts):
    """How many of each kind."""
    kinds = {kind: sum(f": {kind}" in told for told in verdicts) for kind in ("above", "below", "within", "no verdict")}
    return ", ".join(f"{kind} {count}" for kind, count in kinds.items())
