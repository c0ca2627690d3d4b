"""What the stages agree on: the recipe format, the wire format, what a right answer is, and the names of result files.

The stages (``baseline``, ``locustfiles``, ``systems``, ``bench``, ``analysis``) meet in files; what they share is here.
It needs the standard library only (and ``msgpack``, for FILE input) and runs on Python 3.7, because a baseline runs
on whatever interpreter its recipe needs.
"""
