"""Reads results into tables."""
