"""Models that need no GPU and no torch: replayed answers and baselines."""
