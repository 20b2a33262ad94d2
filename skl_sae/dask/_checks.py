"""What a fit on a cluster cannot do is said before any work."""

from .._autoencoder import SparseAutoencoder
from .._estimator.building import BuildingMixin
from .._parameters import is_count
from ..sparsity import L1, AbsTopK, BaseSparsity, Gated, Matryoshka, TopK

SYNCS = "rounds", "gradient"
# What a kind of autoencoder may have of its own that blocks know nothing of.
HOOKS = "_with_target", "_new_network", "_new_training", "_start"
# Rules whose cost and gradient are sums over rows, without a state that follows whole batches. Those with a target
# have one.
BY_ROWS = {BaseSparsity, TopK, AbsTopK, L1, Gated}


def check_estimator(sae, sync, block_rows, round_steps):
    """Raise where the estimator, or an option of `fit`, asks for something else."""
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(f"skl_sae.dask.fit trains a SparseAutoencoder; got {type(sae).__name__}.")
    if any(getattr(type(sae), name) is not getattr(BuildingMixin, name) for name in HOOKS):
        raise TypeError(
            f"skl_sae.dask.fit trains a SparseAutoencoder; got a {type(sae).__name__}, which builds or starts its "
            "network in a way of its own. Fit it in one process."
        )
    if sync not in SYNCS:
        raise ValueError(f"Got sync={sync!r}, expected one of {SYNCS}.")
    for name, value in {"block_rows": block_rows, "round_steps": round_steps}.items():
        if value is not None and not is_count(value):
            raise ValueError(f"Got {name}={value!r}, expected None or an int of at least 1.")
    if round_steps is not None and sync != "rounds":
        raise ValueError(f"Got round_steps={round_steps} with sync={sync!r}: it is about sync='rounds'.")
    sae._validate_params()
    for name, expected, why in [
        ("early_stopping", False, "no rows are held out"),
        ("pretrain", None, "layers are not trained one by one"),
    ]:
        value = getattr(sae, name)
        if value != expected:
            raise ValueError(f"On a cluster {why}: got {name}={value!r}, expected {expected!r}.")
    if isinstance(sae.shuffle, str):
        raise ValueError(f"Blocks are in memory on a cluster: got shuffle={sae.shuffle!r}, expected True or False.")
    if sync == "gradient":
        check_separable(sae)


def check_client(client):
    """Raise where tasks cannot be submitted, or waited for."""
    from distributed import Client

    if not isinstance(client, Client):
        raise TypeError(
            f"Got client={client!r}, expected a dask.distributed.Client. Make one, as by Client(address) or "
            "Client(cluster)."
        )
    if client.asynchronous:
        raise ValueError("Got an asynchronous client, and this call waits: expected Client(..., asynchronous=False).")
    if client.status != "running":
        raise ValueError(f"Got a client that is {client.status}, expected one that is running: make another.")


def check_separable(sae):
    """Raise where the gradient of a batch is not the mean of those of its shares."""
    rule = sae._new_rule("sparsity")
    inner = rule._new_rule("rule") if isinstance(rule, Matryoshka) else rule
    problem = None
    if type(rule) not in BY_ROWS | {Matryoshka} or type(inner) not in BY_ROWS:
        problem = f"the rule {type(inner).__name__} looks at whole batches, or is not known to do without"
    elif getattr(inner, "target_l0", None) is not None:
        problem = f"{type(inner).__name__}(target_l0=...) follows the active units of whole batches"
    elif sae.batch_norm:
        problem = "batch_norm=True normalises over whole batches"
    elif sae.dead_units == "resample":
        problem = "dead_units='resample' looks at the errors of all rows"
    if problem is not None:
        raise ValueError(f"sync='gradient' adds up gradients of shares of a batch, but {problem}. Use sync='rounds'.")
