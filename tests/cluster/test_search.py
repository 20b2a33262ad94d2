"""A search over parameters on a cluster: the estimator goes to the workers as any other does."""

import joblib
from sklearn.model_selection import GridSearchCV

from skl_sae import SparseAutoencoder


def test_grid_search(client, digits):
    X = digits[:600]
    search = GridSearchCV(SparseAutoencoder(16, max_iter=2, random_state=0), {"sparsity__k": [1, 4]}, cv=2)
    expected = search.fit(X).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        search.fit(X)
    assert (search.cv_results_["mean_test_score"] == expected).all() and search.best_params_ == {"sparsity__k": 4}
