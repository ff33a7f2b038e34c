"""The values that are taught: questions and answers about an image."""

from dataclasses import dataclass

from geopix.training.schema import Augmentation
from harness.records import ImageFile, Mask

UNCHANGED = Augmentation()


@dataclass(frozen=True)
class Turn:
    """One question and its answer.

    Attributes:
        capability: vqa, segment and so on, a key of `TASKS`; decides the identifier before the question.
        question: the words of the question.
        answer: the words of the answer, `<SEG>` for each mask.
        masks: the answer's masks, in order.
        classes: the masks' category names, in order; "" where unknown.
        subject: what a segmentation question asks for, by which two questions can be joined; "" otherwise.
        phrasings: other ways to put the same question.
        id: the sample it was made from, by which messages name it.
        then: what is asked next, by someone who has read this answer; without a `then` of its own.
    """

    capability: str
    question: str
    answer: str
    masks: tuple[Mask, ...] = ()
    classes: tuple[str, ...] = ()
    subject: str = ""
    phrasings: tuple[str, ...] = ()
    id: str = ""
    then: tuple["Turn", ...] = ()

    @property
    def exchanges(self) -> tuple["Turn", ...]:
        """This question and those that follow it, in order."""
        return (self, *self.then)


@dataclass(frozen=True)
class Lesson:
    """An image with all that is asked about it.

    Attributes:
        image: the image.
        turns: questions and answers, in the data set's order.
        weight: how often it is drawn, relative to others.
        augmentation: how its picture may be changed each time it is drawn.
        shares: for each turn, how often it is drawn, relative to the others; all the same where empty.
    """

    image: ImageFile
    turns: tuple[Turn, ...]
    weight: float = 1.0
    augmentation: Augmentation = UNCHANGED
    shares: tuple[float, ...] = ()
