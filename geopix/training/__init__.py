"""Training: recipes, the mixture of data sets, packed batches and the loop."""
