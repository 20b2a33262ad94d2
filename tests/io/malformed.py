"""Loads damaged files of formats, in a process of its own: ``python malformed.py COUNT FOLDER FORMAT ...``.

Each must raise `ModelFileError` or be the model that the files say, as the published equations see it. Anything else
ends the process with an error: another exception, a warning, a function that a file has called, a minute without end,
more memory than the files could need.
"""

import faulthandler
import json
import os
import resource
import shutil
import sys
import warnings
from pathlib import Path

import exchange_files
import naive_exchange
import naive_torch_files as naive
import numpy as np
from foreign_mutations import arrays_of_torch, damage, write_both
from naive_torch_files import draw, write_folder
from safetensors.numpy import load_file

from skl_sae.io import ModelFileError, load

N, D, K = 12, 5, 4
X = np.random.default_rng(7).normal(size=(20, D)) + 0.5
#: What a file must not make happen; Python reports it before it does.
FORBIDDEN = "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pickle.find_class"
MEMORY, SECONDS = 1 << 30, 60
#: Numbers beyond this are not compared: sums of them have no digits left.
COMPARABLE = 1e6

LINEAR = {"encoder.weight": (N, D), "encoder.bias": (N,), "decoder.weight": (D, N)}
PLAIN = {"W_enc": (D, N), "b_enc": (N,), "W_dec": (N, D), "b_dec": (D,)}


OF_LATENTSAE = {"jumprelu": {"log_threshold": (N,), "input_mean": (D,)}, "batchtopk": {"batchtopk_threshold": ()}}


def of_sparsify(**more):
    """A folder of sparsify or latentsae."""

    def make(folder):
        shapes = {"encoder.weight": (N, D), "encoder.bias": (N,), "W_dec": (N, D), "b_dec": (D,)}
        shapes |= {"W_skip": (D, D)} if more.get("skip_connection") else {}
        shapes |= OF_LATENTSAE.get(more.get("sae_type"), {})
        config = {"activation": "topk", "num_latents": N, "k": K, "d_in": D, "transcode": False} | more
        write_folder(folder, "sae.safetensors", draw(shapes), "cfg.json", config)

    def expected(folder):
        config = _json(folder / "cfg.json")
        if "sae_type" in config and (config.get("k") or N) < N:  # rows are cut, and a warning has said so
            return None
        return naive.sparsify(load_file(folder / "sae.safetensors"), config, X)

    return make, expected


def make_sentence_transformers(folder):
    arrays = draw({"pre_bias": (D,), "latent_bias": (N,), "encoder.weight": (N, D)})
    arrays["stats_last_nonzero"] = np.zeros(N, np.int64)
    config = {"input_dim": D, "hidden_dim": N, "k": K, "k_aux": 5, "normalize": False, "dead_threshold": 30}
    write_folder(folder, "model.safetensors", arrays, "config.json", config)


def expect_sentence_transformers(folder):
    return naive.sentence_transformers(load_file(folder / "model.safetensors"), _json(folder / "config.json"), X)


def of_dictionary_learning(name, shapes, **more):
    """A folder of dictionary_learning."""

    def make(folder):
        folder.mkdir()
        write_both(folder / "ae.pt", {each: np.asarray(array) for each, array in draw(shapes).items()} | more)
        trainer = {"dict_class": name, "activation_dim": D, **({"k": K} if "k" in more else {})}
        (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {"d_submodule": D}}))

    def expected(folder):
        config = _json(folder / "config.json") if (folder / "config.json").exists() else {}
        kind = (config.get("trainer") or {}).get("dict_class") or name
        return naive.dictionary_learning(arrays_of_torch(folder / "ae.pt"), kind, X)

    return make, expected


def of_saelens(architecture):
    """A folder of SAELens."""

    def make(folder):
        tensors = exchange_files.weights(architecture, dtype=np.float64)
        exchange_files.saelens(folder, tensors, architecture)

    def expected(folder):
        config = _json(folder / "cfg.json")
        as_written = {
            "architecture": architecture,
            "normalize_activations": "none",
            "metadata": exchange_files.VERSIONS,
        }
        if any(config.get(name) != value for name, value in as_written.items()) or set(config) & FACTORS:
            return None  # by other rules than the equations alone
        centred, k = config.get("apply_b_dec_to_input"), config.get("k")
        tensors, k = load_file(folder / "sae_weights.safetensors"), k and int(k)
        code = naive_exchange.encode(architecture, X_OF_SAELENS, tensors, k, centred is not False)
        return code, naive_exchange.decode(code, tensors), X_OF_SAELENS

    return make, expected


def make_gemma_scope(folder):
    folder.mkdir()
    np.savez(folder / "params.npz", **exchange_files.weights("jumprelu", dtype=np.float64))


def expect_gemma_scope(folder):
    with np.load(folder / "params.npz") as arrays:
        arrays = {f"W_{name[2:]}" if name.startswith("w_") else name: array for name, array in arrays.items()}
    code = naive_exchange.encode("jumprelu", X_OF_SAELENS, arrays, centred=False)
    return code, naive_exchange.decode(code, arrays), X_OF_SAELENS


FACTORS = {"rescale_acts_by_decoder_norm", "finetuning_scaling_factor", "activation_fn"}
X_OF_SAELENS = exchange_files.data(dtype=np.float64)
THRESHOLD, ONE_K = np.array(0.6), np.array(K, np.int32)
GATES = {"gate_bias": (N,), "mag_bias": (N,), "r_mag": (N,), "decoder_bias": (D,)}
#: Of each format, functions that make a folder and that say what it computes: codes, reconstructions, maybe the rows.
BASES = {
    "saelens": [of_saelens(each) for each in ("standard", "topk", "abstopk", "jumprelu", "gated")],
    "gemma_scope": [(make_gemma_scope, expect_gemma_scope)],
    "sparsify": [
        of_sparsify(skip_connection=True),
        of_sparsify(),
        of_sparsify(sae_type="jumprelu", mean_center=True, k=N),
        of_sparsify(sae_type="batchtopk", k=N),
    ],
    "sentence_transformers": [(make_sentence_transformers, expect_sentence_transformers)],
    "dictionary_learning": [
        of_dictionary_learning("AutoEncoder", {**LINEAR, "bias": (D,)}),
        of_dictionary_learning("BatchTopKSAE", {**LINEAR, "b_dec": (D,)}, k=ONE_K, threshold=THRESHOLD),
        of_dictionary_learning("JumpReluAutoEncoder", {**PLAIN, "threshold": (N,)}),
        of_dictionary_learning("GatedAutoEncoder", {"encoder.weight": (N, D), "decoder.weight": (D, N), **GATES}),
    ],
}


def _json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def check(sae, folder, expected):
    """Whether a model that was loaded is the one of the files."""
    with np.errstate(all="ignore"):
        result = expected(folder)
    if result is None:
        return
    code, reconstruction, *rows = result
    rows = rows[0] if rows else X
    numbers = sae._network.parameters.theta, sae.mean_, code, reconstruction
    if not max(abs(each).max() for each in numbers) < COMPARABLE:
        return
    for found, wanted in ((sae.transform(rows), code), (sae.reconstruct(rows), reconstruction)):
        tol = 1e-9 if found.dtype == np.float64 else 1e-4
        np.testing.assert_allclose(found, wanted, rtol=tol, atol=tol * max(1, abs(wanted).max()))


STATE = {"watching": False}


def watch(event, _):
    """End the process when a file makes something happen."""
    if STATE["watching"] and event in FORBIDDEN:
        os.write(2, f"a file has made {event} happen\n".encode())
        os._exit(4)


def limit_memory():
    """Allow little more memory than is in use."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))


def load_watched(folder):
    """The model of a folder, or None where there is none; raises where something else happens."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    STATE["watching"] = True
    try:
        return load(folder)
    except ModelFileError as error:
        assert len(str(error)) < 1100, "the error is too long"
        return None
    finally:
        STATE["watching"] = False
        faulthandler.cancel_dump_traceback_later()


def load_damaged(name, count, room):
    """Make, damage and load; returns how many were models all the same."""
    loaded, folder = 0, room / "damaged" / "sae"
    for number in range(count):
        base = number % len(BASES[name])
        shutil.rmtree(room / "damaged", ignore_errors=True)
        shutil.copytree(room / f"base_{base}", folder)
        if (room / f"base_{base}.npz").exists():
            shutil.copy(room / f"base_{base}.npz", room / "damaged" / "sae.npz")
        print(name, number, damage(folder, np.random.default_rng(number)), flush=True)
        sae = load_watched(folder)
        if sae is not None:
            check(sae, folder, BASES[name][base][1])
            loaded += 1
    return loaded


def main(count, room, names):
    """Print how many damaged files of each format were models."""
    for name in names:
        (room / name).mkdir()
        for number, (make, expected) in enumerate(BASES[name]):
            folder = room / name / f"base_{number}"
            make(folder)
            check(load(folder), folder, expected)
    sys.addaudithook(watch)
    faulthandler.enable()
    limit_memory()
    print(*(load_damaged(name, count, room / name) for name in names))


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", ".*latentsae cuts")
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
