"""Whenever a process is killed while it writes a model over another one, the folder holds one of the two, whole."""

import mmap
import os
import threading

import pytest
from processes import run_well
from test_own import X, make, mapped, plain

from skl_sae.io import ModelFileError, _atomic, load, save

# A process that lets children save models, and kills each in the middle: at the n-th call of a function in Python or C,
# or after a random while.
KILLED = """
import os, random, signal, sys, time, warnings
from pathlib import Path

import numpy as np

from skl_sae import SparseAutoencoder
from skl_sae.io import load, save

warnings.simplefilter("ignore")
folder, n_kills, way = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
X = np.random.default_rng(0).normal(size=(60, 300)).astype(np.float32)
models = [SparseAutoencoder(400, max_iter=1, random_state=i, warm_start=True).fit(X) for i in range(3)]
thetas = [model._network.parameters.theta.tobytes() for model in models]


def calls(sae, folder):
    count = 0
    def note(frame, event, argument):
        nonlocal count
        count += 1
    sys.setprofile(note)
    save(sae, folder)
    sys.setprofile(None)
    return count


def child(sae, at):
    count = 0
    def note(frame, event, argument):
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
    if way == "calls":
        sys.setprofile(note)
    save(sae, folder)
    os._exit(0)


n_calls = calls(models[0], folder)
random.seed(n_kills)
start = time.perf_counter()
save(models[0], folder)
while_it_takes = time.perf_counter() - start
held, killed, replaced = 0, 0, 0
for i in range(n_kills):
    new = 1 + i % 2
    at = random.randint(1, n_calls) if i % 3 else n_calls - random.randint(1, 60)  # the end is where files are replaced
    pid = os.fork()
    if not pid:
        try:
            child(models[new], at)
        finally:
            os._exit(1)
    if way == "time":
        time.sleep(random.random() * while_it_takes)
        os.kill(pid, signal.SIGKILL)
    killed += os.waitpid(pid, 0)[1] == signal.SIGKILL
    theta = load(folder)._network.parameters.theta.tobytes()
    assert theta in (thetas[held], thetas[new]), i
    replaced += theta != thetas[held]
    held = thetas.index(theta)
assert killed >= n_kills // 3, (killed, n_kills)
save(models[0], folder)
assert load(folder)._network.parameters.theta.tobytes() == thetas[0]
assert len(list(folder.iterdir())) == 2, list(folder.iterdir())  # nothing of those that were killed is left
print(killed, replaced, "well")
"""


def test_killed_at_any_call(tmp_path):
    run_well(KILLED, str(tmp_path), "12", "calls", timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["calls", "time"])
def test_killed_a_hundred_times(way, tmp_path):
    run_well(KILLED, str(tmp_path), "100", way, timeout=900)


def test_killed_before_there_was_a_model(tmp_path):
    """What is there then is no model; and the next one that is saved is."""
    folder, sae = tmp_path / "model", make().fit(X)
    folder.mkdir()
    (folder / ".unfinished-x").mkdir()
    (folder / ".unfinished-x" / "arrays").write_bytes(b"half")
    with pytest.raises(ModelFileError, match="holds no model"):
        load(folder)
    save(sae, folder)
    assert plain(load(folder)) == plain(sae)
    assert len(list(folder.iterdir())) == 2


def test_a_mapped_model_works_on_when_it_is_replaced(tmp_path):
    first, second = (make(random_state=i, warm_start=True).fit(X) for i in range(2))
    save(first, tmp_path)
    again = load(tmp_path)
    assert isinstance(mapped(again._network.parameters.theta), mmap.mmap)
    save(second, tmp_path)
    assert plain(again) == plain(first)
    assert plain(load(tmp_path)) == plain(second)
    save(again, tmp_path)  # written from the file that it takes the place of
    save(load(tmp_path).partial_fit(X), tmp_path)
    assert plain(load(tmp_path)) == plain(first.partial_fit(X))


def test_other_files_stay(tmp_path):
    mine = "README.md", "arrays-of-mine.safetensors"
    for name in mine:
        (tmp_path / name).write_text("mine")
    for i in range(2):
        save(make(random_state=i).fit(X), tmp_path)
    assert all((tmp_path / name).read_text() == "mine" for name in mine)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("call", range(12))
def test_an_error_leaves_the_old_model(call, tmp_path, monkeypatch):
    """Of each call that writes, in turn."""
    first, second = (make(random_state=i).fit(X) for i in range(2))
    save(first, tmp_path)
    count = 0

    def failing(name):
        original = getattr(os, name)

        def function(*arguments, **options):
            nonlocal count
            count += 1
            if count == call + 1:
                raise OSError(28, "No space left on device")
            return original(*arguments, **options)

        monkeypatch.setattr(_atomic.os, name, function)

    for name in "fsync", "replace", "open":
        failing(name)
    try:
        save(second, tmp_path)
    except OSError as error:
        assert error.errno == 28 and str(tmp_path) in str(error) and "No space left on device" in str(error)
        monkeypatch.undo()
        assert plain(load(tmp_path)) in (plain(first), plain(second))
    monkeypatch.undo()
    save(second, tmp_path)
    assert plain(load(tmp_path)) == plain(second)


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from skl_sae import SparseAutoencoder
from skl_sae.io import load, save

folder = Path(sys.argv[1])
X = np.random.default_rng(0).normal(size=(40, 30))
small, large = (SparseAutoencoder(n, max_iter=1, random_state=0).fit(X) for n in (10, 3000))
save(small, folder)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for target in folder, folder / "new":
    try:
        save(large, target)
    except OSError as error:
        assert str(target) in str(error) and "as it was" in str(error), error
    else:
        raise AssertionError("it was written")
assert np.array_equal(load(folder).transform(X), small.transform(X))
assert len(list(folder.iterdir())) == 2, list(folder.iterdir())
print("well")
"""


def test_a_full_disk_leaves_the_old_model(tmp_path):
    run_well(FULL, str(tmp_path), timeout=300)


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in tmp_path / "file", tmp_path / "file" / "model":
        with pytest.raises(OSError, match="cannot write into the folder"):
            save(make().fit(X), folder)


def test_two_that_save_at_once_take_turns(tmp_path):
    models = [make(random_state=i, n_components=60).fit(X) for i in range(4)]
    known, errors = [plain(each) for each in models], []
    save(models[0], tmp_path)

    def run(sae):
        try:
            for _ in range(10):
                save(sae, tmp_path)
                assert plain(load(tmp_path)) in known
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(sae,)) for sae in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert len(list(tmp_path.iterdir())) == 2


def test_without_locks_it_works_too(tmp_path, monkeypatch):
    monkeypatch.setattr(_atomic, "fcntl", None)
    sae = make().fit(X)
    for _ in range(2):
        save(sae, tmp_path)
    assert plain(load(tmp_path)) == plain(sae)
