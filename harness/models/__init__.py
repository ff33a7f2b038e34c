"""Models: answers replayed from a file, baselines, and other families of models, each in a folder of its own."""
