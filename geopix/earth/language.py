"""The language about a scene: what is asked and answered, and how one thing is named among many."""

from geopix.earth.questions import Question, questions, shipped_priors
from geopix.earth.references import Reference, many_references, references

__all__ = ["Question", "Reference", "many_references", "questions", "references", "shipped_priors"]
