"""The vision tower's readers: the projectors."""

import pytest
import torch

from geopix.modeling import GeoPixForConditionalGeneration
from geopix.sizes import tiny
from geopix.vision import NormalisedProjector, Projector, build_projector
from harness.errors import ConfigurationError


def test_the_release_s_projector_is_the_default() -> None:
    assert type(build_projector(tiny())) is Projector


def test_normalised_patches_are_as_long_as_words_drawn_with_unit_entries_however_long_the_features() -> None:
    torch.manual_seed(0)
    model = GeoPixForConditionalGeneration(tiny(projector="normalised"))
    projector = model.multi_modal_projector
    assert isinstance(projector, NormalisedProjector)
    for length in (1.0, 1000.0):
        patches = projector(length * torch.randn(2, 16, 16)).norm(dim=-1)
        torch.testing.assert_close(patches, torch.full_like(patches, 4.0), rtol=0.01, atol=0)  # sqrt(16 entries)


def test_each_place_has_a_code_of_its_own_that_starts_at_nothing() -> None:
    projector = build_projector(tiny(projector="normalised"))
    assert isinstance(projector, NormalisedProjector)
    features = torch.randn(1, 1, 16).expand(1, 16, 16)
    alike = projector(features)
    torch.testing.assert_close(alike, alike[:, :1].expand_as(alike))
    with torch.no_grad():
        projector.place.code[3] += 1
    torch.testing.assert_close(projector(features)[:, 3] - alike[:, 3], torch.ones(1, 16))


def test_an_unknown_projector_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="unknown projector 'normalized'. Did you mean 'normalised'"):
        build_projector(tiny(projector="normalized"))


def test_the_choice_survives_saving() -> None:
    config = tiny(projector="normalised")
    assert type(config).from_dict(config.to_dict()).projector == "normalised"
