"""A verdict for people and for machines: every output is made of the same rows."""
