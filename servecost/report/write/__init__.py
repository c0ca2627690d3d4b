"""Writes tables, pictures and pages from results."""
