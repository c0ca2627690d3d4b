"""Reads a results folder and writes reports about it: tables, plots, the executed notebook. Never the reverse."""
