"""Rounds of a comparison: every peer in turn for the same time, while all cores are there."""

import second_core
import workers as processes
from processors import n_cores

#: How often a round is taken again in which some core was not there, before it is kept with a mark.
REPEATS = 3
#: Rounds that are taken in any case: one alone has no spread.
LEAST = 2


def take(workers, notes, options, first=None, over=lambda: False):
    """Rates by peer, speed-ups of the cores by round, and what `first` gave at the start of each round.

    The cores are probed before and after each round, and the smaller of the two speed-ups counts.

    Parameters
    ----------
    workers, notes : dict
        See `workers.py`. A peer that fails drops out with a note.
    options : namespace with rounds, seconds, repeats
    first : callable, optional
        What to measure at the start of each round.
    over : callable
        Whether time is over: then no more rounds than the least number are taken, and none again.
    """
    rates, speedups, firsts = {peer: [] for peer in workers}, [], []
    before = second_core.probe()
    for turn in range(options.rounds):
        if turn >= LEAST and over():
            break
        for _ in range(options.repeats + 1):
            found = first() if first else None
            answers = one(workers, notes, options.seconds, turn)
            after = second_core.probe()
            speedup, before = min(before, after), after
            if second_core.is_there(speedup, n_cores()) or over():
                break
            before = second_core.probe()
        speedups.append(speedup)
        firsts.append(found)
        for peer, rate in answers.items():
            rates[peer].append(rate)
        told = ", ".join(f"{peer} {rate:,.0f}" for peer, rate in answers.items())
        print(f"  round {turn + 1}, rows/s: {told}; cores {speedup:.2f} x", flush=True)
    return rates, speedups, firsts


def one(workers, notes, seconds, turn):
    """Rates of one round by peer.

    Each round goes through the peers in the reverse order of the last, so that none always follows the same.
    """
    answers = {}
    for peer in list(workers)[:: -1 if turn % 2 else 1]:
        answer = processes.attempt(workers, peer, notes, lambda peer=peer: workers[peer].ask("train", seconds=seconds))
        if answer:
            answers[peer] = answer["rate"]
    return {peer: answers[peer] for peer in workers}
