"""GeoPix: a remote-sensing language model that answers with words, boxes and masks."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geopix.predictor import Answer, GeoPix

__all__ = ["Answer", "GeoPix"]


def __getattr__(name: str) -> Any:
    """Imports the model only when it is asked for: the harness lists this package's plugin without torch."""
    if name in __all__:
        from geopix import predictor  # noqa: PLC0415

        return getattr(predictor, name)
    raise AttributeError(f"module 'geopix' has no attribute {name!r}")
