"""One example."""

name = "working"

example = ["a"]
