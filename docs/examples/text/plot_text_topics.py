"""
================================
What are these texts about?
================================

Somebody hands you a thousand paragraphs and asks what is in them. Here they are the prose of scikit-learn's own help,
which every installation has. A vectoriser turns them into sparse counts, and an autoencoder learns a few dozen topics
of which each paragraph has two or three. The counts stay sparse all the way.

:func:`~skl_sae.inspection.describe_units` then names each topic by the words that tell its paragraphs from all others.
No language model takes part: it is counting, with a correction for rare words.

Run as a script, it saves its pictures in the current folder, or in the folder given as its argument.
"""

# %%
# The texts
# ---------
# Paragraphs of prose from the help of all estimators and functions. The part of the library that each comes from is
# kept beside it. The model never sees that.

import re
import sys
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.utils.discovery import all_estimators, all_functions

from skl_sae import SparseAutoencoder
from skl_sae.inspection import UnitDisplay, describe_units, find_units, top_examples
from skl_sae.sparsity import TopK

texts, parts = [], []
for _, thing in [*all_estimators(), *all_functions()]:
    for paragraph in re.split(r"\n\s*\n", thing.__doc__ or ""):
        words = re.sub(r":\w+:`[^`]*`|`", " ", paragraph)  # references to other pages, and quotes
        words = " ".join(words.split())
        is_prose = not re.search(r" : |>>>|::|\.\. |----|Read more", words) and words[0:1].isupper()
        if is_prose and len(words.split()) >= 12 and words not in texts:
            texts.append(words)
            parts.append(thing.__module__.split(".")[1])
parts = np.array(parts)
print(f"{len(texts)} paragraphs from {len(set(parts))} parts of the library, for instance:\n  {texts[0]}")

# %%
# The model
# ---------
# 30 topics, two for a paragraph. The vectoriser is the first step of the pipeline, so that texts are all it needs.

vectorizer = TfidfVectorizer(stop_words="english", min_df=4, max_df=0.2, token_pattern=r"\b[a-z]{3,}\b")
topics = make_pipeline(vectorizer, SparseAutoencoder(30, sparsity=TopK(2), random_state=0)).fit(texts)
X = topics[0].transform(texts)
print(f"{X.shape[1]} words, of which a paragraph has {X.nnz / X.shape[0]:.0f}")

# %%
# The topics
# ----------
# The twelve that explain most of the counts. With `y`, the table also tells in which parts of the library a topic is
# more frequent than elsewhere; the lift is how many times, with its interval at 95 %. Some topics are habits of the
# writers, as the sentences that many pages share.

units = describe_units(topics, texts, y=parts)
best = units.sort_values("explained_share", ascending=False)
for unit, row in best.head(12).iterrows():
    part, lift, low, high = row["classes"][0]
    print(f"{unit:>3}  {row['name']:<40} {row['density']:5.1%}   {part} x {lift:.1f} ({low:.1f} to {high:.1f})")

# %%
# Many intervals are looked at here, so some of them miss: `describe_units` tells how to ask for wider ones.
#
# One topic as a card: its words with the strength of the evidence, the paragraphs that have most of it, and the parts
# of the library that they come from.

unit = find_units(topics, texts, term="cluster").index[0]
card = UnitDisplay.from_estimator(topics, texts, unit, y=parts, n_top=6)

# %%
# Which topics has a text that the model never saw?
# -------------------------------------------------
# A question in one's own words, and the topics that explain most of its counts:

question = "Which loss and which penalty should a linear model for regression have?"
print(find_units(topics, texts, example=question)[["name", "value"]].round(2).to_string())

# %%
# And the paragraphs that have most of the first of these topics, which is a way of searching:

unit = find_units(topics, texts, example=question).index[0]
for text in top_examples(topics, texts, units=unit, n_top=3)["text"]:
    print(" *", text)

# %%
# When this runs as a script:

if "sphinx_gallery" not in sys.modules:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    card.figure_.savefig(folder / "text_topic.png", dpi=100)
    print(f"saved {folder / 'text_topic.png'}")
