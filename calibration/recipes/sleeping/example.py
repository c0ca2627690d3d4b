"""One example."""

name = "sleeping"

example = ["a"]
