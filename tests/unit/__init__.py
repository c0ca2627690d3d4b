"""No process, no sleep: the whole of it in seconds."""
