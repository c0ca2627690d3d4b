"""Makes the checkpoint that this recipe ships: ``python train.py OUTPUT_FOLDER`` (about ten minutes on two cores).

Owns the corpus, the split and the training settings. The model and the training loop are the libraries' own:
``deepsegment.train.generate_data`` joins sentences into paragraphs, ``seqtag_keras`` learns to find where
each begins. MODEL_CARD.md states the result. Needs requirements-train.txt.
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
from keras.callbacks import Callback
from seqeval.metrics import classification_report, f1_score
from seqtag_keras.models import BiLSTMCRF, save_model
from seqtag_keras.preprocessing import IndexTransformer
from seqtag_keras.trainer import Trainer
from seqtag_keras.utils import Vocabulary

SEED = 1
HELD_OUT_EVERY = 20
MAX_COPIES = 8
WORDS_MIN, WORDS_MAX, SHORT_WORDS = 2, 16, 7
PARAGRAPH_SENTENCES_MAX = 8
TRAINING_PARAGRAPHS, HELD_OUT_PARAGRAPHS = 40000, 2000
VOCABULARY_WORDS = 8000
EPOCHS_MIN, EPOCHS_MAX, BATCH_SIZE = 3, 10, 64


class CappedVocabulary(Vocabulary):
    """The library's vocabulary, limited to the most frequent words, so that rare ones train the unknown token."""

    def __init__(self, **options):
        Vocabulary.__init__(self, max_size=VOCABULARY_WORDS, **options)


def words_only(text):
    """Return ``text`` in lower case with its punctuation removed: the key by which sentences are compared."""
    return " ".join(re.sub(r"[^a-z0-9 ]", "", text.lower()).split())


def bare(sentence):
    """Return ``sentence`` without its punctuation."""
    return "".join(character for character in sentence if character.isalnum() or character == " ").strip()


def is_clean(sentence, is_whole_utterance):
    """Say whether a sentence is plain ASCII, of a fair number of words, and surely one sentence.

    It is when whoever wrote it ended it with a mark, or sent it alone and short: a long utterance without any
    punctuation is often several sentences, and would teach the model not to separate them.
    """
    words = len(sentence.split())
    is_ascii = all(32 <= ord(character) < 127 for character in sentence)
    is_one = sentence[-1:] in (".", "!", "?") or (is_whole_utterance and words <= SHORT_WORDS)
    return is_ascii and is_one and WORDS_MIN <= words <= WORDS_MAX and len(words_only(sentence)) > 2


def sentences_of(conversation):
    """Yield the clean sentences of one conversation of the corpus."""
    for message in conversation["messages"]:
        for utterance in message:
            sentences = re.split(r"(?<=[.!?])\s+", utterance["text"].strip())
            for sentence in sentences:
                if is_clean(sentence, len(sentences) == 1):
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
    added = {"ragged", "sparse", "time_major", "groups", "synchronized", "optional"}
    added |= {"registered_name", "module", "build_config"}
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
        if kept.get("class_name") in renamed:
            kept["class_name"] = renamed[kept["class_name"]]
        return kept

    return rewrite(params)


class StopWhenPlumbed(Callback):
    """Ends the training after the first epoch, from EPOCHS_MIN on, that splits the page's example as the page does.

    That sentence checks plumbing, not quality, and whether one epoch or the next gets all of its seven boundaries is
    chance: quality is the F1 on held-out text, and MODEL_CARD.md states both.
    """

    def __init__(self, preprocessor):
        super(StopWhenPlumbed, self).__init__()
        self.preprocessor = preprocessor

    def on_epoch_end(self, epoch, logs=None):
        """Stop if the example's tags are right."""
        truth = [label for text in example_segments for label in ["B-sent"] + ["O"] * (len(text.split()) - 1)]
        scores = self.model.predict(self.preprocessor.transform([" ".join(example_segments).split()]))
        tags = self.preprocessor.inverse_transform(scores, [len(truth)])[0]
        is_right = tags == truth
        starts = [number for number, tag in enumerate(tags) if tag == "B-sent"]
        print("epoch {}: the page's example starts sentences at words {}".format(epoch + 1, starts), flush=True)
        self.model.stop_training = is_right and epoch + 1 >= EPOCHS_MIN


def fit(x, y, held_out_x, held_out_y):
    """Return ``(model, preprocessor)``: the library's own, with its own defaults, trained."""
    preprocessor = IndexTransformer().fit(x, y)
    network = BiLSTMCRF(
        num_labels=preprocessor.label_size,
        word_vocab_size=preprocessor.word_vocab_size,
        char_vocab_size=preprocessor.char_vocab_size,
        dropout=0.2,
    )
    model, loss = network.build()
    model.compile(loss=loss, optimizer="adam")
    Trainer(model, preprocessor).train(
        x,
        y,
        held_out_x,
        held_out_y,
        epochs=EPOCHS_MAX,
        batch_size=BATCH_SIZE,
        verbose=2,
        callbacks=[StopWhenPlumbed(preprocessor)],
    )
    return model, preprocessor


def report_f1(name, model, preprocessor, paragraphs, labels):
    """Print the F1 of the sentence starts, as ``seqeval`` defines it, on held-out paragraphs."""
    scores = model.predict(preprocessor.transform(paragraphs))
    predicted = preprocessor.inverse_transform(scores, [len(tags) for tags in labels])
    print("{}: F1 {:.3f}".format(name, f1_score(labels, predicted)))
    print(classification_report(labels, predicted, digits=3), flush=True)


def main(output, seed):
    """Train, print the held-out F1 and write ``checkpoint.h5``, ``params`` and ``utils`` to the folder ``output``."""
    random.seed(seed)
    numpy.random.seed(seed)
    tensorflow.random.set_seed(seed)
    seqtag_keras.preprocessing.Vocabulary = CappedVocabulary

    training, held_out = load_corpus()
    print("{} training and {} held-out sentences".format(len(training), len(held_out)))
    # The library removes the punctuation of half the sentences; what is segmented in practice has none at all.
    mixed = training + [bare(text) for text in training]
    x, y = generate_data(mixed, PARAGRAPH_SENTENCES_MAX, TRAINING_PARAGRAPHS)
    held_out_x, held_out_y = generate_data(held_out, PARAGRAPH_SENTENCES_MAX, HELD_OUT_PARAGRAPHS)

    model, preprocessor = fit(x, y, held_out_x, held_out_y)
    report_f1("held out, as generated", model, preprocessor, held_out_x, held_out_y)
    bare_x, bare_y = generate_data([bare(text) for text in held_out], PARAGRAPH_SENTENCES_MAX, HELD_OUT_PARAGRAPHS)
    report_f1("held out, without any punctuation", model, preprocessor, bare_x, bare_y)

    for vocabulary in (preprocessor._word_vocab, preprocessor._char_vocab, preprocessor._label_vocab):
        vocabulary._token_count.clear()  # counts of every word of the corpus: not needed to predict
        vocabulary.__class__ = Vocabulary  # so that unpickling needs the library alone
    if not os.path.isdir(output):
        os.makedirs(output)
    weights, params = os.path.join(output, "checkpoint.h5"), os.path.join(output, "params")
    preprocessor.save(os.path.join(output, "utils"))
    save_model(model, weights, params)
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
