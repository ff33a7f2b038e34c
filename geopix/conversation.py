"""A conversation about one picture, in which a question may refer to what was said before."""

from typing import TYPE_CHECKING, Unpack

from geopix.chat import Turn

if TYPE_CHECKING:
    from geopix.predictor import Answer, Asking, Look


class Conversation:
    """Asks about a picture that was read once, and remembers; made by `GeoPix.converse`.

    Args:
        look: the picture.
        turns: what was said before.
    """

    def __init__(self, look: "Look", turns: tuple[Turn, ...] = ()) -> None:
        self._look = look
        self.turns = turns

    def respond(self, text: str, **asking: Unpack["Asking"]) -> "Answer":
        """Answers a question with what was said before in view, and remembers both.

        Args:
            text: the question.
            **asking: see `geopix.predictor.Asking`.

        Raises:
            SampleError: the question is empty, or too long with all that was said.
        """
        answer = self._look.respond([text], **(asking | {"history": self.turns}))[0]
        self.turns = (*self.turns, Turn(text, answer.text, asking.get("task")))
        return answer
