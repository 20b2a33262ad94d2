"""Time to quality on MNIST: explained variance of the test images over the seconds of training, ours and PyTorch's.

784-1000, TopK with k=25, batch 256, Adam at a constant 1e-3. All start from the same weights and see the same batches,
but for `torch-own-start`, which has PyTorch's initial weights. The peers take turns, an epoch each, in processes of
their own; the clock runs during training only, and includes what is compiled or loaded in the first epoch.
"""

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import processors
import report
import workers as processes
from peers import MORE_PEERS, PEERS
from skl_sae import SparseAutoencoder
from skl_sae.datasets import load_mnist
from skl_sae.sparsity import TopK

DEFAULT = ["ours", "torch", "torch-fused", "torch-own-start"]


def curves(peers, epochs, mnist):
    """For each peer the seconds so far and the score after each epoch; and notes."""
    notes, result = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        notes["data"] = processes.prepare("quality", folder, mnist)
        workers = processes.start(peers, "quality", folder, notes)
        result = {peer: {"seconds": [0.0], "scores": [0.0]} for peer in workers}
        for epoch in range(epochs):
            for peer in list(workers)[:: -1 if epoch % 2 else 1]:
                curve, worker = result[peer], workers[peer]
                curve["seconds"].append(curve["seconds"][-1] + worker.ask("epoch", seed=epoch)["seconds"])
                curve["scores"].append(worker.ask("score")["score"])
            told = ", ".join(f"{peer} {c['scores'][-1]:.4f} at {c['seconds'][-1]:.1f} s" for peer, c in result.items())
            print(f"epoch {epoch + 1}: {told}", flush=True)
        for worker in workers.values():
            worker.close()
    return result, {peer: note for peer, note in notes.items() if note}


def seconds_to(curve, score):
    """When a curve reaches a score, by linear interpolation between epochs; None if it never does."""
    for (t0, s0), (t1, s1) in pairwise(zip(curve["seconds"], curve["scores"])):
        if s1 >= score:
            return t0 + (t1 - t0) * (score - s0) / (s1 - s0) if s1 > s0 else t1
    return None


def table(result):
    """Seconds to what PyTorch (or ours, without it) explains after some epochs, and the last score."""
    reference = "torch" if "torch" in result else "ours"
    scores = result[reference]["scores"]
    marks = sorted({epoch for epoch in (1, 2, 5, len(scores) - 1) if epoch < len(scores)})
    header = ["peer", *(f"s to {scores[epoch]:.4f}" for epoch in marks), "explained variance at the end", "s in all"]
    rows = []
    for peer, curve in result.items():
        times = [seconds_to(curve, scores[epoch]) for epoch in marks]
        row = [peer, *("never" if t is None else f"{t:.2f}" for t in times)]
        rows.append([*row, f"{curve['scores'][-1]:.4f}", f"{curve['seconds'][-1]:.1f}"])
    return report.lines(header, rows)


def plot(result, path):
    """The curves; skipped without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for peer, curve in result.items():
        axis.plot(curve["seconds"][1:], curve["scores"][1:], marker=".", label=peer)
    axis.set(xscale="log", xlabel="seconds of training", ylabel="explained variance, test images")
    axis.legend()
    figure.savefig(path, dpi=120)


def with_defaults(epochs, mnist):
    """Explained variance and seconds of the estimator with its own rate and schedule, for the same epochs."""
    X, _, X_test, _ = load_mnist(mnist)
    SparseAutoencoder(8, max_iter=1).fit(X[:100])
    start = time.perf_counter()
    sae = SparseAutoencoder(1000, sparsity=TopK(25), batch_size=256, max_iter=epochs, random_state=0).fit(X)
    seconds = time.perf_counter() - start
    return (
        f"With the default learning rate, schedule and revival of dead units, `SparseAutoencoder` explains "
        f"{sae.score(X_test):.4f} after {epochs} epochs in {seconds:.1f} s; {sae.dead_fraction_:.1%} of its units are "
        "dead."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", nargs="+", choices=[*PEERS, *MORE_PEERS], default=DEFAULT, metavar="NAME")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    result, notes = curves(options.peer, options.epochs, options.mnist)
    remarks = "\n".join(f"- {name}: {note}" for name, note in notes.items())
    parts = ["# Time to quality", " ".join(__doc__.split()), table(result)]
    parts += [with_defaults(options.epochs, options.mnist), remarks]
    text = "\n\n".join(parts).strip() + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "quality.md").write_text(text, encoding="utf-8")
    plot(result, options.out / "quality.png")
    print(text)


if __name__ == "__main__":
    main()
