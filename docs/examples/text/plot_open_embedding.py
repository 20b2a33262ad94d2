"""
===========================================
What is inside the vector of a word?
===========================================

An embedding turns a word into a few dozen numbers. They serve well to compare words, and nobody can read them: each
number mixes many meanings. A sparse autoencoder rewrites each vector as a sum of a few parts out of many, and the parts
can be read, because few words have them.

The vectors here are made on the spot, from words that stand together in scikit-learn's own help: a small embedding, of
a small text about one subject. Vectors of any other model go the same way.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# An embedding
# ------------
# Words are counted that stand in the same paragraph. How much more often they do so than by chance, on a log scale and
# never below zero, is a matrix of words by words (positive pointwise mutual information); its 50 largest singular
# vectors are the embedding, scaled to length one.

import re
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.discovery import all_estimators, all_functions

from skl_sae import SparseAutoencoder
from skl_sae.inspection import UnitDisplay, describe_units, find_units, top_examples
from skl_sae.sparsity import TopK

help_pages = {name: thing.__doc__ or "" for name, thing in [*all_estimators(), *all_functions()]}
paragraphs = {paragraph for page in help_pages.values() for paragraph in re.split(r"\n\s*\n", page)}
counter = CountVectorizer(stop_words="english", min_df=8, binary=True, token_pattern=r"\b[a-z]{3,}\b")
counts = counter.fit_transform(sorted(paragraphs))
words = counter.get_feature_names_out().tolist()

together = csr_array(counts.T @ counts, dtype=float).tocoo()
alone = np.asarray(counts.sum(axis=0)).ravel()
chance = alone[together.row] * alone[together.col] / counts.shape[0]
information = np.maximum(np.log(together.data / chance), 0)
matrix = csr_array((information, (together.row, together.col)), shape=together.shape)
X = normalize(TruncatedSVD(50, random_state=0).fit_transform(matrix))
print(f"{len(words)} words, {X.shape[1]} numbers each, from {len(paragraphs)} paragraphs")

# %%
# The numbers themselves
# ----------------------
# The ten words that have most of some numbers. A few can be guessed at, most cannot.

for number in (3, 12, 25, 40):
    print(f"number {number}: {', '.join(words[i] for i in np.argsort(-X[:, number])[:10])}")

# %%
# The parts
# ---------
# 120 parts, of which a word has three. The columns have no names that would say anything, so units are named by the
# words that have most of them.

parts = SparseAutoencoder(120, sparsity=TopK(3), random_state=0).fit(X)
units = describe_units(parts, X, texts=words)
print(f"explained variance {parts.score(X):.2f}")
best = units.sort_values("explained_share", ascending=False)
for unit in best.index[:12]:
    print(f"part {unit:>3}: {', '.join(top_examples(parts, X, units=unit, n_top=8, texts=words)['text'])}")

# %%
# A word, taken apart
# -------------------
# "kernel" stands in several contexts, and its parts say in which.

for word in ("kernel", "tree", "sparse"):
    found = find_units(parts, X, texts=words, example=words.index(word))
    print(f"{word}:\n{found[['name', 'value']].round(2).to_string()}")

# %%
# The first part of "kernel" as a card. At the left is what it adds to the vector, in many of the 50 numbers at once:
# that is why a single number tells so little.

unit = find_units(parts, X, texts=words, example=words.index("kernel")).index[0]
card = UnitDisplay.from_estimator(parts, X, unit, texts=words, n_top=9)

# %%
# When this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    card.figure_.savefig(folder / "open_embedding.png", dpi=100)
    print(f"saved {folder / 'open_embedding.png'}")
