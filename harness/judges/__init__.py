"""Judges: language models that metrics ask about answers, and the cache of what they said."""
