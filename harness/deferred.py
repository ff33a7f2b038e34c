"""Modules that are imported when they are first used, so that listing and validating tasks need not wait for them."""

from importlib import import_module
from typing import Any


class Deferred:
    """Stands for a module until one of its attributes is asked for.

    Use it where a type checker sees the true import::

        if TYPE_CHECKING:
            import numpy as np
        else:
            np = Deferred("numpy")

    Args:
        name: the module's full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value
