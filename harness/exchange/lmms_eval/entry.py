"""The entry point `lmms_eval.models`.

It imports nothing before it is asked: one plugin that cannot be imported switches all of lmms-eval's off.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmms_eval.models.registry_v2 import ModelManifest


def manifest() -> "ModelManifest":
    """Tells lmms-eval of the model `geopix`."""
    from lmms_eval.models.registry_v2 import ModelManifest  # noqa: PLC0415

    return ModelManifest(model_id="geopix", simple_class_path="harness.exchange.lmms_eval.model.GeoPixEvalModel")
