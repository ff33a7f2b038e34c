"""Splits as a command line names them."""

from harness.errors import ConfigurationError

Splits = tuple[tuple[str, int], ...]


def parse_splits(text: str) -> Splits:
    """Reads "train:8,val:1" as split names with shares; a name alone has a share of 1.

    Raises:
        ConfigurationError: When a part is not NAME:NUMBER.

    >>> parse_splits("train:8,test:2")
    (('train', 8), ('test', 2))
    """
    splits: list[tuple[str, int]] = []
    for part in text.split(","):
        name, colon, share = part.strip().partition(":")
        if not name or (colon and not share.strip().isdecimal()):
            raise ConfigurationError(f"--splits: expected NAME:NUMBER such as train:8, found {part!r} in {text!r}.")
        splits.append((name, int(share) if colon else 1))
    return tuple(splits)
