"""Settings that must stand before anything imports scipy."""

import os

# scikit-learn skips its array API check without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
