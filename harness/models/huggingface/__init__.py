"""Vision-language models of transformers, asked through its image-text-to-text interface."""
