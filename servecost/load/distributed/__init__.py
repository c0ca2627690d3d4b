"""Runs of a master and workers: the messages between the two, and each end of them."""
