"""Metrics: sufficient statistics of one sample, and the corpus score made of them."""
