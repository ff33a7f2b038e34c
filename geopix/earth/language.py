"""The language about a scene: what is asked and answered, and how one thing is named among many."""

from geopix.earth.questions import Question, questions
from geopix.earth.references import Reference, references

__all__ = ["Question", "Reference", "questions", "references"]
