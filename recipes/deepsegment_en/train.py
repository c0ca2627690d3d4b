"""Makes the checkpoint that this recipe ships: ``python train.py OUTPUT_FOLDER`` (about ten minutes on two cores).

Owns the corpus, the split and the training settings. The model and the training loop are the libraries' own:
``deepsegment.train.generate_data`` joins sentences into unpunctuated paragraphs, ``seqtag_keras.Sequence`` learns to
find where each begins. MODEL_CARD.md states the result. Needs requirements-train.txt.
"""

import argparse
import collections
import json
import os
import random
import re
import sys

import keras_compat  # isort: skip  # noqa: F401  (first: it provides the old Keras names)

import numpy
import seqtag_keras.preprocessing
import tensorflow
from chitchat_dataset import Dataset
from deepsegment.train import generate_data
from example import example, example_segments
from seqeval.metrics import classification_report, f1_score
from seqtag_keras import Sequence
from seqtag_keras.utils import Vocabulary

SEED = 1
HELD_OUT_EVERY = 20
MAX_COPIES = 8
WORDS_MIN, WORDS_MAX = 2, 16
PARAGRAPH_SENTENCES_MAX = 8
TRAINING_PARAGRAPHS, HELD_OUT_PARAGRAPHS = 60000, 2000
VOCABULARY_WORDS = 8000
EPOCHS, BATCH_SIZE = 4, 64


class CappedVocabulary(Vocabulary):
    """The library's vocabulary, limited to the most frequent words, so that rare ones train the unknown token."""

    def __init__(self, **options):
        Vocabulary.__init__(self, max_size=VOCABULARY_WORDS, **options)


def words_only(text):
    """Return ``text`` in lower case with its punctuation removed: the key by which sentences are compared."""
    return " ".join(re.sub(r"[^a-z0-9 ]", "", text.lower()).split())


def is_clean(sentence):
    """Say whether a sentence is plain ASCII, of a fair number of words, and ended by whoever wrote it."""
    is_ascii = all(32 <= ord(character) < 127 for character in sentence)
    return is_ascii and sentence[-1] in ".!?" and WORDS_MIN <= len(sentence.split()) <= WORDS_MAX


def sentences_of(conversation):
    """Yield the clean sentences of one conversation of the corpus.

    An utterance without punctuation is often several sentences in one: it would teach the model not to separate them.
    """
    for message in conversation["messages"]:
        for utterance in message:
            for sentence in re.split(r"(?<=[.!?])\s+", utterance["text"].strip()):
                if sentence and is_clean(sentence) and words_only(sentence):
                    yield " ".join(sentence.split())


def load_corpus():
    """Return ``(training, held_out)`` sentences; whole conversations are held out, the page's example is in neither."""
    forbidden = {words_only(text) for text in example + example_segments}
    training, held_out = [], []
    copies = collections.Counter()
    for index, conversation in enumerate(Dataset().values()):
        is_held_out = index % HELD_OUT_EVERY == 0
        for sentence in sentences_of(conversation):
            key = words_only(sentence)
            copies[key, is_held_out] += 1
            if key not in forbidden and copies[key, is_held_out] <= MAX_COPIES:
                (held_out if is_held_out else training).append(sentence)
    return training, held_out


def loadable_on_keras_2_2_4(params):
    """Return the model's JSON with the keys and class names that TensorFlow 2 added put back to Keras 2.2.4's."""
    added = {"ragged", "sparse", "time_major", "groups", "synchronized", "registered_name", "module", "build_config"}
    renamed = {"Functional": "Model", "GlorotUniform": "VarianceScaling"}
    glorot_uniform = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform"}

    def rewrite(node):
        if isinstance(node, list):
            return [rewrite(item) for item in node]
        if not isinstance(node, dict):
            return node
        kept = {key: rewrite(value) for key, value in node.items() if key not in added}
        if kept.get("class_name") == "GlorotUniform":
            kept["config"] = dict(kept["config"], **glorot_uniform)
        kept["class_name"] = renamed.get(kept.get("class_name"), kept.get("class_name"))
        return {key: value for key, value in kept.items() if value is not None or key != "class_name"}

    return rewrite(params)


def held_out_f1(tagger, paragraphs, labels):
    """Return the held-out F1 of the sentence starts (micro average, as ``seqeval`` defines it) and its report."""
    predicted = tagger.predict(paragraphs)
    predicted = [tags[: len(truth)] for tags, truth in zip(predicted, labels)]
    return f1_score(labels, predicted), classification_report(labels, predicted)


def main(output, seed):
    """Train, print the held-out F1 and write ``checkpoint.h5``, ``params`` and ``utils`` to the folder ``output``."""
    random.seed(seed)
    numpy.random.seed(seed)
    tensorflow.random.set_seed(seed)
    seqtag_keras.preprocessing.Vocabulary = CappedVocabulary

    training, held_out = load_corpus()
    print("{} training and {} held-out sentences".format(len(training), len(held_out)))
    x, y = generate_data(training, PARAGRAPH_SENTENCES_MAX, TRAINING_PARAGRAPHS)
    held_out_x, held_out_y = generate_data(held_out, PARAGRAPH_SENTENCES_MAX, HELD_OUT_PARAGRAPHS)

    tagger = Sequence()
    tagger.fit(x, y, held_out_x, held_out_y, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=2)
    f1, report = held_out_f1(tagger, held_out_x, held_out_y)
    print(report)
    print("held-out F1: {:.3f}".format(f1))

    for vocabulary in (tagger.p._word_vocab, tagger.p._char_vocab, tagger.p._label_vocab):
        vocabulary._token_count.clear()  # counts of every word of the corpus: not needed to predict
        vocabulary.__class__ = Vocabulary  # so that unpickling needs the library alone
    if not os.path.isdir(output):
        os.makedirs(output)
    weights, params = os.path.join(output, "checkpoint.h5"), os.path.join(output, "params")
    tagger.save(weights, params, os.path.join(output, "utils"))
    with open(params) as file:
        rewritten = loadable_on_keras_2_2_4(json.load(file))
    with open(params, "w") as file:
        json.dump(rewritten, file, sort_keys=True, indent=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="the folder to write the three files to; it must not hold a checkpoint yet")
    parser.add_argument("--seed", type=int, default=SEED, help="of all random choices (default: %(default)s)")
    arguments = parser.parse_args()
    if os.path.exists(os.path.join(arguments.output, "checkpoint.h5")):
        print("{} holds a checkpoint already; name another folder".format(arguments.output), file=sys.stderr)
        sys.exit(2)
    main(arguments.output, arguments.seed)
