"""Runs experiments: the only code here that starts processes, and that knows in which order things happen."""
