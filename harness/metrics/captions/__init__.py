"""Scores of captions: BLEU, ROUGE-L, CIDEr, METEOR on one tokenizer."""
