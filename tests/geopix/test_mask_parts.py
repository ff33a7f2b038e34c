"""The mask head's parts: shapes, order, and the released weights' layout."""

import torch

from geopix.class_memory import PredictedClass
from geopix.layers import RandomFourierPositions, sinusoidal_grid
from geopix.mask_head import LearnedAverage, MaskHead
from geopix.segmentation_tokens import find_runs, predicting_states
from geopix.sizes import released_7b, tiny
from geopix.vision import FeatureNeck, VisionTower


def test_four_passes_in_the_released_order() -> None:
    torch.manual_seed(0)
    head = MaskHead(tiny()).eval()
    calls: list[tuple[str, int, torch.Size]] = []
    head.mask_decoder.register_forward_hook(
        lambda _, args, kwargs, out: calls.append(("decode", kwargs["level"], out.shape)), with_kwargs=True
    )
    head.memory.register_forward_hook(lambda _, args, out: calls.append(("memory", args[3], out.shape)))
    vision = tuple(torch.randn(2, 16, 4, 4) for _ in range(2))
    with torch.no_grad():
        prediction = head(vision, torch.randn(3, 6, 16), torch.tensor([0, 1, 1]), PredictedClass())
    assert calls == [
        ("decode", 0, (3, 1, 8, 8)),
        ("memory", 0, (3, 16, 4, 4)),
        ("decode", 0, (3, 1, 8, 8)),
        ("decode", 1, (3, 1, 16, 16)),
        ("memory", 1, (3, 16, 4, 4)),
        ("decode", 1, (3, 1, 16, 16)),
    ]
    assert prediction.mask_logits.shape == (3, 16, 16)
    assert prediction.class_logits.shape == (3, 4)


def test_each_target_looks_at_its_own_image() -> None:
    torch.manual_seed(0)
    head = MaskHead(tiny()).eval()
    vision = tuple(torch.randn(2, 16, 4, 4) for _ in range(2))
    states = torch.randn(1, 6, 16).expand(2, -1, -1)
    with torch.no_grad():
        both = head(vision, states, torch.tensor([1, 0]), PredictedClass()).mask_logits
        first = head(vision, states[:1], torch.tensor([0]), PredictedClass()).mask_logits
    torch.testing.assert_close(both[1], first[0], atol=1e-5, rtol=1e-4)
    assert (both[0] - both[1]).abs().max() > 1e-4


def test_fusions_start_as_means_and_are_parameters() -> None:
    average = LearnedAverage(4)
    torch.testing.assert_close(average(torch.arange(8.0).reshape(4, 2), axis=0), torch.tensor([3.0, 4.0]))
    assert {name for name, _ in MaskHead(tiny()).named_parameters() if "fusion" in name} == {
        "token_fusion.weight",
        "scale_fusion.weight",
    }


def test_levels_read_the_layers_they_are_told_to() -> None:
    tower = VisionTower(tiny(mask_feature_layers=(-1, 0), vision_feature_layer=-2)).eval()
    pixels = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        features = tower(pixels)
        states = tower.clip(pixels, output_hidden_states=True).hidden_states
    assert torch.equal(features.language, states[-2][:, 1:])
    assert torch.equal(features.levels[0][0, :, 1, 2], states[-1][0, 1 + 4 + 2])  # row 1, column 2 of 4 x 4
    assert torch.equal(features.levels[1][0, :, 0, 3], states[0][0, 1 + 3])


def test_a_neck_changes_the_grid() -> None:
    neck = FeatureNeck(tiny(mask_feature_size=6)).eval()
    assert neck(torch.randn(2, 16, 4, 4)).shape == (2, 16, 6, 6)


def test_the_released_shapes() -> None:
    with torch.device("meta"):
        head = MaskHead(released_7b())
    shapes = {name: tuple(tensor.shape) for name, tensor in head.state_dict().items()}
    assert shapes["text_hidden_fcs.2.weight"] == (256, 4096)
    assert shapes["necks.1.conv2.0.weight"] == (256, 512, 3, 3)
    assert shapes["mask_decoder.inputs.1.upsample_2x.0.weight"] == (256, 256, 2, 2)
    assert shapes["mask_decoder.output_upscaling.0.weight"] == (256, 32, 2, 2)
    assert shapes["mask_decoder.transformer.1.layers.0.cross_attn_token_to_image.k_proj.weight"] == (128, 256)
    assert shapes["mask_decoder.output_hypernetworks_mlps.3.layers.2.weight"] == (32, 256)
    assert shapes["mask_decoder.iou_prediction_head.layers.2.weight"] == (4, 256)
    assert shapes["prompt_encoder.pe_layer.gaussian"] == (2, 128)
    assert shapes["memory.encoder.fuser.dwconv.weight"] == (64, 1, 7, 7)
    assert shapes["memory.attention.layers.0.cross_attn_image.k_proj.weight"] == (256, 64)


def test_position_codes_share_one_frame() -> None:
    coarse = sinusoidal_grid(1, 1, 8, torch.zeros(1))
    fine = sinusoidal_grid(3, 3, 8, torch.zeros(1))
    torch.testing.assert_close(coarse[0, 0], fine[0, 4])  # the centre
    assert RandomFourierPositions(8)(2, 3).shape == (1, 8, 2, 3)


def test_runs_without_a_state_before_them_are_broken() -> None:
    runs = find_runs(torch.tensor([[7, 8, 9, 7, 8]]), [7, 8], first=1)
    assert runs.starts.tolist() == [3]
    assert runs.reasons == (
        "2 of 4 segmentation tokens stand for no mask: a mask is a run of exactly 2 of them, in order.",
    )


def test_answers_shorter_than_a_run_have_none() -> None:
    runs = find_runs(torch.tensor([[7], [5]]), [7, 8])
    assert len(runs.rows) == 0
    assert [why is None for why in runs.reasons] == [False, True]


def test_states_are_gathered_in_order() -> None:
    states = torch.arange(12.0).reshape(2, 6, 1)
    runs = find_runs(torch.tensor([[5, 7, 8, 5, 7, 8], [7, 8, 5, 5, 5, 5]]), [7, 8])
    assert predicting_states(states, runs, 2)[..., 0].tolist() == [[1, 2], [4, 5], [6, 7]]
