"""Answers that name one class of a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from harness.errors import ConfigurationError, SampleError
from harness.parsers.names import Names
from harness.parsers.text import quoted, without_thoughts
from harness.records import Prediction, Response, Sample, Target

Synonyms = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class ClassNameParser:
    r"""Finds the one class that an answer names; its classes are those that the prompt lists.

    Tried in this order: the whole answer is a class's name or a synonym, whatever its spaces, underscores, hyphens and
    capitals; one class is named within it; at most four words are nearly the name of one class and of no other. An
    answer with a negation, with several classes, or with none is unparsed. How a name was read that is not spelt as
    the class is noted with the answer.

    >>> parser = ClassNameParser(synonyms={"storage tanks": ["oil tanks"]})
    >>> sample = Sample("1", (), {"classes": "storage tanks\nriver\nsparse residential"}, Target())
    >>> [parser.parse(Response(text=t), sample).text for t in ("SparseResidential", "Oil tanks.", "It is a river.")]
    ['sparse residential', 'storage tanks', 'river']
    >>> parser.parse(Response(text="a river by storage tanks"), sample).reason
    "expected one class, found river, storage tanks in 'a river by storage tanks'"

    Attributes:
        classes: the prompt field with the classes' names, one a line.
        synonyms: further names of a class.
    """

    classes: str = "classes"
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns the class; `unparsed` or `empty`, with the reason, where none is named clearly."""
        text = without_thoughts(response.text).strip()
        if not text:
            return Prediction("empty", response.reason or "the answer is empty")
        return _read(text, self._classes(sample), self._synonyms)

    def target(self, sample: Sample) -> Target:
        """Returns the right class.

        Raises:
            SampleError: it is not among the classes.
        """
        known = self._classes(sample)
        for text in sample.target.texts:
            if text not in known:
                raise SampleError(f"the data set's own answer {quoted(text)} is not among the {len(known)} classes")
        return replace(sample.target, texts=sample.target.texts)

    @property
    def _synonyms(self) -> Synonyms:
        return tuple((name, tuple(others)) for name, others in self.synonyms.items())

    def _classes(self, sample: Sample) -> tuple[str, ...]:
        found = tuple(sample.fields.get(self.classes, "").splitlines())
        if len(found) < 2:
            raise ConfigurationError(
                f"parser 'class_name' needs the prompt field {self.classes!r} with at least two classes, one a line; "
                f"the samples have the fields {', '.join(sample.fields) or 'none'}."
            )
        return found


@lru_cache(maxsize=64)
def _names(classes: tuple[str, ...], synonyms: Synonyms) -> Names:
    return Names(classes, dict(synonyms))


# Thousands of images have a few hundred different answers.
@lru_cache(maxsize=4096)
def _read(text: str, classes: tuple[str, ...], synonyms: Synonyms) -> Prediction:
    try:
        found, how = _names(classes, synonyms).find(text)
    except SampleError as error:
        return Prediction("unparsed", str(error))
    return Prediction("ok", how and f"read {quoted(text)} as {found}: {how}", text=found)
