"""A short sentence, as a client of a text model would send it."""

name = "echo"

example = ["which movie did you go to"]
