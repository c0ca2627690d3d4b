"""Benchmarks of the instrument itself. Each is a program; what it finds depends on how quiet the machine is."""
