"""Reads results and writes what people read of them: tables, plots, pages, and the comparison of two results."""
