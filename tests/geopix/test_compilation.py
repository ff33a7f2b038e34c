"""torch.compile takes the mask path as one graph, for any number of targets."""

import pytest
import torch
from torch import Tensor

from geopix.class_memory import ClassSelector, GivenClass, PredictedClass
from geopix.mask_head import MaskHead
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.sizes import tiny


def head(memory: str) -> MaskHead:
    torch.manual_seed(0)
    return GeoPixForConditionalGeneration(tiny(memory_attention=memory)).mask_head.eval().requires_grad_(False)


def targets(count: int) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    random = torch.Generator().manual_seed(count)
    levels = tuple(torch.randn(2, 16, 4, 4, generator=random) for _ in range(2))
    return levels, torch.randn(count, 6, 16, generator=random), torch.arange(count) % 2


def check(parts: MaskHead, backend: str, selector: ClassSelector) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(parts, backend=backend, fullgraph=True, dynamic=True)
    for count in (3, 7):
        expected, found = parts(*targets(count), selector), compiled(*targets(count), selector)
        assert found.mask_logits.shape == (count, 16, 16)
        torch.testing.assert_close(found.mask_logits, expected.mask_logits, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(found.class_logits, expected.class_logits, atol=1e-4, rtol=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.utils.counters["graph_break"]


def test_the_mask_head_is_one_graph() -> None:
    check(head("intended"), "eager", PredictedClass())


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["released_noop", "none"])
def test_so_it_is_with_less_memory(memory: str) -> None:
    check(head(memory), "eager", PredictedClass())


@pytest.mark.slow
def test_the_mask_head_is_one_graph_for_autograd_and_a_given_class() -> None:
    check(head("intended"), "aot_eager", GivenClass(torch.tensor(1)))
