"""Parsers: each reads a model's raw answer into the task's own terms and says what it could not read."""
