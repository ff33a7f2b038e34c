"""Asking a model: batches whose size is found, pictures read ahead, answers recorded while it works on the next."""
