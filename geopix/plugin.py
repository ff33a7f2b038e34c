"""Tells the harness about GeoPix, without importing torch."""

from harness.plugins import hookimpl


@hookimpl
def geopix_eval_models() -> dict[str, str]:
    """A GeoPix checkpoint folder (by the `model_type` of its config.json), and the one that ships with the package."""
    return {"geopix": "geopix.adapter:checkpoint", "geopix-mini": "geopix.adapter:shipped_mini"}
