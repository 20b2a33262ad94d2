"""The limit of BLAS to one thread."""

import gc
import threading

import pytest

from skl_sae._kernels import blas
from skl_sae._kernels.blas import single_threaded_blas


def test_blas_limit_nests(blas_threads):
    with single_threaded_blas():
        assert blas_threads() == {1}
        with single_threaded_blas():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_blas_limit_ends_with_an_exception(blas_threads):
    with pytest.raises(ZeroDivisionError), single_threaded_blas():
        raise ZeroDivisionError
    assert blas_threads() == {2}


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_blas_limit_lasts_until_the_last_holder_leaves(first_to_leave, blas_threads):
    """In whichever order two threads end."""
    leave, entered = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def hold(i):
        with single_threaded_blas():
            entered[i].set()
            leave[i].wait(30)

    threads = [threading.Thread(target=hold, args=(i,)) for i in range(2)]
    for i, thread in enumerate(threads):
        thread.start()
        assert entered[i].wait(30)
    seen = [blas_threads()]
    for i in first_to_leave, 1 - first_to_leave:
        leave[i].set()
        threads[i].join(30)
        seen.append(blas_threads())
    assert seen == [{1}, {1}, {2}]


def test_a_hold_that_was_never_left_ends_with_its_object(blas_threads):
    """As after an interrupt on the way out."""
    hold = single_threaded_blas()
    hold.__enter__()
    assert blas_threads() == {1}
    del hold
    gc.collect()
    assert blas_threads() == {2}


def test_the_next_hold_restores_what_an_interrupted_one_left(blas_threads, monkeypatch):
    """An interrupted one whose second attempt to leave failed, too."""

    def interrupted(numbers):
        raise KeyboardInterrupt

    hold = single_threaded_blas()
    hold.__enter__()
    with monkeypatch.context() as patch:
        patch.setattr(blas, "_set_threads", interrupted)
        with pytest.raises(KeyboardInterrupt):
            hold.__exit__()
    assert blas_threads() == {1}
    with single_threaded_blas():
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_the_number_of_openmp_threads_is_that_before_the_limit(monkeypatch):
    """Where BLAS has OpenMP's threads, the limit itself must not look like the user's."""

    class OpenMP:
        threading_layer, num_threads = "openmp", 3

        def set_num_threads(self, n):
            self.num_threads = n

    library = OpenMP()
    monkeypatch.setattr(blas, "_libraries", lambda user_api: [library])
    monkeypatch.setattr(blas, "_blas_uses_openmp", lambda: True)
    assert blas.openmp_threads() == 3
    with single_threaded_blas():
        with single_threaded_blas():
            assert library.num_threads == 1 and blas.openmp_threads() == 3
        assert blas.openmp_threads() == 3
    assert library.num_threads == 3
