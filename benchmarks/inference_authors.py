"""The authors' side of `inference.py`: their own modules, run on the CPU at the size of any checkpoint.

    AUTHORS_PYTHON benchmarks/inference_authors.py CODE RELEASE WORKLOADS THREADS

CODE is a checkout of github.com/Norman-Ou/GeoPix at 4ae9a35. Nothing of it is changed on disk. What has to differ on a
CPU and at another size is put in place here, from outside:

* sizes that the code fixes (4096, 1024) are read from the checkpoint's tensors;
* a tensor that is asked for on "cuda" is made on the CPU;
* a class memory that was stored at 1 x 1 is spread to the 32 x 32 places that the code expects;
* the model is rounded to float16, in which the checkpoint is stored, and computes in float32.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from inference_worker import Answers, Forced, serve
from torch import nn


def load(code: Path, release: Path) -> Any:
    """Returns the authors' model."""
    sys.path.insert(0, str(code))
    authors = import_module("model.modelling_GeoPix")

    authors.torch = _on_cpu()
    neck = torch.load(release / "image_neck_rough.pth", weights_only=True)["conv1.0.weight"]
    words = torch.load(release / "text_hidden_fcs.pth", weights_only=True)

    class Sized(authors.GeoPixForConditinalGeneration):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.image_neck_rough = authors.ImageNeck(neck.shape[1], neck.shape[0])
            self.image_neck_detail = authors.ImageNeck(neck.shape[1], neck.shape[0])
            first, last = (words[name].shape for name in ("0.weight", "2.weight"))
            self.text_hidden_fcs = nn.Sequential(
                nn.Linear(first[1], first[0]), nn.ReLU(inplace=True), nn.Linear(last[1], last[0])
            )

    model = Sized.from_pretrained(str(release)).half().float().eval()
    bank = model.classwise_learnable_module.learnable_memory
    if bank.memory.shape[-1] == 1:
        bank.memory = nn.Parameter(bank.memory.data.expand(-1, -1, -1, -1, 32, 32), requires_grad=False)
    return model


def _on_cpu() -> ModuleType:
    """The torch module, but for `torch.tensor(.., device="cuda")`."""

    def tensor(*values: Any, device: Any = None, **options: Any) -> torch.Tensor:
        return torch.tensor(*values, **options)

    shim = ModuleType("torch")
    shim.__dict__.update(torch.__dict__, tensor=tensor)
    return shim


def answer(model: Any, workload: dict[str, Any]) -> Answers:
    """Asks one question at a time, as the released engine does."""
    language, answers = model.vlm.language_model, []
    head = language.lm_head
    for number, prompt in enumerate(workload["prompts"]):
        if workload["forced"]:
            language.lm_head = Forced(head, [workload["forced"][number].tolist()])
        pixels = workload["pixels"][workload["image"][number]][None]
        with torch.no_grad():
            tokens, masks = model.inference(
                prompt[None], torch.ones_like(prompt)[None], pixels, max_new_tokens=workload["max_new_tokens"]
            )
        answers.append({"tokens": tokens[0], "masks": torch.zeros(0, 128, 128) if masks is None else masks})
    language.lm_head = head
    return answers


def main() -> None:
    code, release, workloads, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    model = load(Path(code), Path(release))
    serve(Path(workloads), lambda workload: answer(model, workload))


if __name__ == "__main__":
    main()
