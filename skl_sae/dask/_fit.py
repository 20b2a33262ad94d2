"""Training on a Dask cluster: checks and wires."""

import numpy as np
from sklearn.utils import check_random_state

from .._callbacks import Epochs
from .._extras import extra
from .._parameters import with_plain_arguments
from ._blocks import place_blocks
from ._checks import check_client, check_estimator
from ._cluster import Cluster
from ._facts import look_at
from ._gradients import Gradients
from ._loop import finish, schedule_of, train
from ._rounds import Rounds


@with_plain_arguments
def fit(sae, X, *, sync="rounds", client=None, block_rows=None, round_steps=None):
    """Fit a sparse autoencoder to blocks of rows on a Dask cluster.

    The result has the same bits for any number of workers, also where workers are lost or join on the way. It depends
    on how X is cut into blocks.

    Parameters
    ----------
    sae : SparseAutoencoder
        The estimator. Its parameters mean what they mean in ``sae.fit``; `early_stopping` and `pretrain` are refused.
    X : {dask array, dask dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
        Data. The blocks of a Dask array, dense or CSR, or the partitions of a dataframe, stay on the cluster; their
        numbers of rows need not be known. Anything else is cut into blocks here.
    sync : {"rounds", "gradient"}, default="rounds"
        "rounds": each block takes steps of its own from the same weights, then weights and moments are averaged by
        rows. "gradient": each block gives the gradient of its share of one large batch, of `batch_size` rows, and the
        client moves the weights: the fit is that of one process.
    client : distributed.Client, optional
        By default the one that was made last.
    block_rows : int, optional
        Rows of a block where X is cut here; None cuts into at most 8 blocks, of at least 50 batches.
    round_steps : int, optional
        About how many steps the largest block takes in a round. None means all of its steps in an epoch.

    Returns
    -------
    sae : SparseAutoencoder
        The estimator that was passed, fitted.

    Raises
    ------
    ImportError
        If Dask is not installed.
    ValueError
        If there is no client that runs, or if a parameter or a rule needs what blocks cannot give; before any work.
    ClusterError
        If workers are lost again and again (a RuntimeError). The estimator then has the weights of the last round.

    Warns
    -----
    UserWarning
        If Ctrl-C ends the fit: the estimator has the weights of the last round.

    See Also
    --------
    skl_sae.dask.transform : Encode on a cluster.

    Notes
    -----
    The weights of each round are at the client, which sends them to the workers. What looks at data when the steps are
    done, as the scale of the codes and the threshold of "batch_topk", sees up to 4096 rows, evenly spaced, at the
    client.

    References
    ----------
    S. U. Stich, *Local SGD Converges Fast and Communicates Little*, ICLR 2019, arXiv:1805.09767.

    Examples
    --------
    >>> from dask.distributed import Client
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.dask import fit
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=64, max_iter=2, random_state=0)
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     fit(sae, X, block_rows=900).transform(X).shape
    (1797, 64)
    """
    with extra("dask"):
        import distributed
    check_estimator(sae, sync, block_rows, round_steps)
    if client is None:
        try:
            client = distributed.default_client()
        except ValueError as error:
            raise ValueError(
                "There is no Dask client: make one, as by `from dask.distributed import Client; client = Client()`, or "
                "pass client=."
            ) from error
    check_client(client)
    with sae._training_lock(), np.errstate(all="ignore"):
        _fit(sae, X, sync, Cluster(client), block_rows, round_steps)
    return sae


def _fit(sae, X, sync, cluster, block_rows, round_steps):
    """Assign nothing to the estimator before a round is done."""
    seen = sae._copy_for_features()
    place_blocks(cluster, sae, seen, X, block_rows)
    rows = look_at(cluster, sae, seen)
    random_state, sample = check_random_state(sae.random_state), rows.at_hand
    training = sae._build(seen, rows, random_state, sae._goes_on(rows))
    if sync == "rounds":
        trainer = Rounds(training, cluster, rows, sample, round_steps)
    else:
        trainer = Gradients(training, cluster, rows)
    schedule = schedule_of(trainer)
    epochs = Epochs(sae, X, schedule.n_epochs, lambda: sae._snapshot(seen, training.network, sample))
    history, failure = train(trainer, schedule, epochs)
    finish(sae, seen, trainer, sample, history)
    epochs.close()
    if failure is not None:
        raise failure
