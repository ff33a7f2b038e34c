"""What the model and the judge behind an OpenAI-compatible endpoint share: address and key, pace, retries, threads."""
