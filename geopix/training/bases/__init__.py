"""What training starts from: checkpoints, a LLaVA, a CLIP with a language model, or fresh weights."""
