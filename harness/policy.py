"""When failed samples make a run fail."""

from dataclasses import dataclass
from typing import Self

from harness.errors import ConfigurationError


@dataclass(frozen=True)
class ErrorPolicy:
    """How many failed samples a run may have.

    Attributes:
        count: more failed samples than this break the run; None for no such bound.
        share: a larger share of failed samples than this breaks the run; None for no such bound.
    """

    count: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `any`, `never`, a number that is still allowed, or a share that is, such as `1%`.

        >>> ErrorPolicy.parse("1%").broken(failed=2, total=100)
        True
        >>> ErrorPolicy.parse("2").broken(failed=2, total=100)
        False

        Raises:
            ConfigurationError: the text is none of these.
        """
        if text == "any":
            return cls(count=0)
        if text == "never":
            return cls()
        try:
            bound = cls(share=float(text[:-1]) / 100) if text.endswith("%") else cls(count=int(text))
        except ValueError:
            bound = cls(count=-1)
        if (bound.count or 0) < 0 or not 0 <= (bound.share or 0) <= 1:
            raise ConfigurationError(
                f"--fail-on-error: expected any, never, a number or a share such as 1%, found {text!r}."
            )
        return bound

    def broken(self, failed: int, total: int) -> bool:
        """Returns whether so many failed samples of so many make the run fail."""
        too_many = self.count is not None and failed > self.count
        too_large = self.share is not None and failed > self.share * total
        return too_many or too_large
