"""The models of the classical tutorials, ours beside Keras: test error, active units and seconds of training.

    python benchmarks/tutorials.py --mnist PATH [--cases a b c d e] [--rounds 3] [--epochs N]

`tutorial_models.py` lists the models. Both libraries have the same data, start, epochs, batch size, optimizer and
constant rate. Keras starts from our initial weights and is given the data less their mean, because ours subtracts it:
both then take the same way. For comparison it trains once more as in the tutorial, from its own start on the data as
they are. Each library lives in a process of its own; they take turns, and each round has another seed for the start
and the order of rows. An epoch on one and a half batches comes before, untimed: it compiles. The command fails if the
errors of the two before training differ.

Writes tutorials.md, tutorials.json (a run of some cases keeps the others) and pictures of the lecture's filters.
"""

import argparse
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np

import data
import processors
import report
import workers as processes
from tutorial_models import MODELS

#: What is asked of us: test error and seconds over Keras's.
MOST_ERROR, MOST_SECONDS = 1.02, 0.6
# Errors before training may differ by rounding only.
TOLERANCE = 1e-3
# Batch normalisation starts with the statistics of a sample, which is not the same in both.
SAMPLE_TOLERANCE = 0.02
PICTURED = ("e_05", "e_10")


def random_rows(path, rng):
    """Noise: rows of 100 independent features, 1000 for training and 1000 for the test, standardised."""
    X = rng.standard_normal((2000, 100), dtype=np.float32)
    return (X - X[:1000].mean(axis=0)) / X[:1000].std(axis=0), 1000, ""


def images(path, rng):
    """MNIST, or what stands in for it; the last seventh is for the test."""
    X, note = data.mnist_whole(path, rng)
    return X, len(X) * 6 // 7, note


SOURCES = {"random": random_rows, "mnist_whole": images}


def prepare(source, folder, path):
    """Write the data; returns a note about them."""
    X, n_train, note = SOURCES[source](path, np.random.default_rng(0))
    folder.mkdir()
    np.save(folder / "X.npy", X[:n_train])
    np.save(folder / "X_test.npy", X[n_train:])
    return note


def measure(name, folder, options):
    """Record of a model: the results of all rounds of both libraries."""
    model, notes = MODELS[name].shortened(options.epochs), {}
    print(f"{name}: {model.title}", flush=True)
    workers = processes.start(["ours", "keras"], f"{name}:{model.epochs}", folder, notes, script="tutorial_worker.py")
    for peer in list(workers):
        processes.attempt(workers, peer, notes, lambda peer=peer: workers[peer].ask("warm"))
    results = take_rounds(workers, options.rounds)
    about = [worker.ask("about")["about"] for worker in workers.values()]
    if name in PICTURED:
        for peer, worker in workers.items():
            worker.ask("filters", path=str(folder / f"{name}-{peer}.npy"))
    if "keras" in workers:
        workers["keras"].ask("start_alone", seed=0)
        results["alone"] = [workers["keras"].ask("fit")]
        print(f"  keras from its own start: {told(results['alone'][0])}", flush=True)
    for worker in workers.values():
        worker.close()
    about = "; ".join([date.today().isoformat(), f"{options.rounds} rounds", processors.title(), *about])
    return {"epochs": model.epochs, "results": results, "notes": notes, "about": about}


def take_rounds(workers, rounds):
    """Results of each library; every round goes through them in the reverse order of the last."""
    results = {peer: [] for peer in workers}
    for turn in range(rounds):
        starts = {peer: worker.ask("start", seed=turn)["mse"] for peer, worker in workers.items()}
        for peer in list(workers)[:: -1 if turn % 2 else 1]:
            results[peer].append(workers[peer].ask("fit") | {"start": starts[peer]})
            print(f"  round {turn + 1}, {peer}: {told(results[peer][-1])}", flush=True)
    return results


def told(result):
    return "error {mse:.5f}, L0 {l0:.1f}, loss {loss:.5f}, {seconds:.2f} s".format(**result)


def same_start(name, record):
    """Whether both libraries began with the same function, by the test errors there."""
    pairs = zip(record["results"]["ours"], record["results"].get("keras", []))
    tolerance = SAMPLE_TOLERANCE if MODELS[name].params.get("batch_norm") else TOLERANCE
    return all(abs(ours["start"] / other["start"] - 1) < tolerance for ours, other in pairs)


# report


def document(records):
    """The table, and notes."""
    rows = [row(name, record) for name, record in records.items()]
    header = [
        "",
        "model",
        "epochs",
        "test error",
        "Keras",
        "ratio",
        "own start",
        "ratio",
        "L0",
        "Keras",
        "loss",
        "Keras",
    ]
    header += ["seconds", "Keras", "ratio"]
    notes = [
        "Test error: mean squared error of an entry. Own start: that of Keras from its own initial weights on the data "
        "as they are, one fit, and ours over it.",
        "L0: units of the code above 0, of a sigmoid above 0.1. Loss: the last epoch's on the training data, with all "
        "penalties, of an entry. Medians over the rounds.",
        f"(!) misses what is asked: a test error of at most {MOST_ERROR} and at most {MOST_SECONDS} of the time.",
    ]
    for text, names in grouped((record["about"], name) for name, record in records.items()):
        notes.append(f"{', '.join(names)}: {text}.")
    for text, names in grouped((f"{k}: {v}", name) for name, r in records.items() for k, v in r["notes"].items()):
        notes.append(f"{', '.join(names)}: {text}.")
    parts = ["# The models of the tutorials", "Written by `benchmarks/tutorials.py`.", report.lines(header, rows)]
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes)]) + "\n"


def grouped(pairs):
    """Names by text, in order."""
    groups = {}
    for text, name in pairs:
        groups.setdefault(text, []).append(name)
    return groups.items()


def row(name, record):
    """A model's medians; what Keras does not have stays empty."""
    model = MODELS[name]

    def of(peer, key, form):
        values = [result[key] for result in record["results"].get(peer, [])]
        return f"{median(values):{form}}" if values else ""

    def ratio(key, most, peer="keras"):
        sides = [[result[key] for result in record["results"].get(side, [])] for side in ("ours", peer)]
        if not all(sides):
            return ""
        value = median(sides[0]) / median(sides[1])
        return f"{value:.3f}" + (" (!)" if value > most else "")

    cells = [name, model.title, str(record["epochs"])]
    cells += [of("ours", "mse", ".5f"), of("keras", "mse", ".5f"), ratio("mse", MOST_ERROR)]
    cells += [of("alone", "mse", ".5f"), ratio("mse", MOST_ERROR, "alone")]
    cells += [of("ours", "l0", ".1f"), of("keras", "l0", ".1f")]
    cells += [of("ours", "loss", ".5f"), of("keras", "loss", ".5f")]
    return cells + [of("ours", "seconds", ".2f"), of("keras", "seconds", ".2f"), ratio("seconds", MOST_SECONDS)]


def save(out, name, record):
    """Put a record among those in the folder, and write the table anew."""
    records = report.keep(out / "tutorials.json", name, record, MODELS)
    (out / "tutorials.md").write_text(document(records), encoding="utf-8")


def draw(name, folder, path):
    """The filters of both libraries side by side, each unit's weights in a square; skipped without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is missing: no picture")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    files = [file for peer in ("ours", "keras") if (file := folder / f"{name}-{peer}.npy").exists()]
    figure, axes = plt.subplots(1, len(files), figsize=(7 * len(files), 7), squeeze=False, layout="constrained")
    for axis, file in zip(axes.flat, files):
        axis.imshow(mosaic(np.load(file)), cmap="gray", vmin=-1, vmax=1)
        axis.set_title(file.stem.split("-")[1])
        axis.axis("off")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def mosaic(filters):
    """Square images in a square, each divided by its largest entry."""
    n, side = int(len(filters) ** 0.5), int(filters.shape[1] ** 0.5)
    filters = filters[: n * n] / np.abs(filters[: n * n]).max(axis=1, keepdims=True)
    tiles = np.pad(filters.reshape(n, n, side, side), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1)
    return tiles.transpose(0, 2, 1, 3).reshape(n * (side + 2), n * (side + 2))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    groups = list(dict.fromkeys(name[0] for name in MODELS))
    told = f"a letter for all of its models, or some of {', '.join(MODELS)}"
    parser.add_argument("--cases", nargs="+", choices=[*groups, *MODELS], default=groups, metavar="NAME", help=told)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10**6, help="at most so many, for a trial")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    options.names = [name for name in MODELS if name in options.cases or name[0] in options.cases]
    return options


def main():
    options, unequal, notes = parse(), [], {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.names:
            source = MODELS[name].data
            folder = Path(temporary) / source
            if source not in notes:
                notes[source] = prepare(source, folder, options.mnist)
            record = measure(name, folder, options)
            if notes[source]:
                record["notes"]["data"] = notes[source]
            save(options.out, name, record)
            if name in PICTURED:
                draw(name, folder, options.out / f"tutorials_{name}.png")
            if not same_start(name, record):
                unequal.append(name)
    print((options.out / "tutorials.md").read_text(encoding="utf-8"))
    if unequal:
        raise SystemExit(f"not the same start, by the test errors before training: {', '.join(unequal)}")


if __name__ == "__main__":
    main()
