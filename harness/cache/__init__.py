"""Answers that runs share, kept by content in one SQLite file."""
