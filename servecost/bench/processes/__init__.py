"""Processes that the bench starts, and what they leave of the machine."""
