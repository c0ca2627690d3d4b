"""What all parts agree on: recipes, systems, inputs, answers, verdicts, manifests, and the names of result files.

The parts (``direct``, ``load``, ``bench``, ``report``) meet in files. This one imports none of them, needs the standard
library only (and ``msgpack``, for FILE input), and runs on Python 3.7: a baseline runs on whatever its recipe needs.
"""
