"""Batches of questions that come image by image: each image is looked at once, however many batches ask about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import torch

from geopix.modeling import joined
from geopix.predictor import Answer, Asking, GeoPix, Look


class Session:
    """Answers batch after batch, and keeps the reading of the image that the next batch may go on with: the last one.

    Each image is looked at by itself and not beside its neighbours, which takes no longer. So what is read of an image
    depends on nothing else, and a run that was interrupted between two batches about one image gives the same answers.

    Args:
        geopix: what answers; its weights are not to change while the session lasts.
    """

    def __init__(self, geopix: GeoPix) -> None:
        self._geopix = geopix
        self._kept: dict[Path, Look] = {}

    @torch.inference_mode()
    def respond_batch(self, requests: Sequence[tuple[Path, str]], **asking: Unpack[Asking]) -> list[Answer]:
        """Answers questions about images; says what `GeoPix.respond_batch` says.

        Args:
            requests: pairs of an image's file and a question; those about one image stand together.
            **asking: see `Asking`.

        Raises:
            SampleError: if an image cannot be read, or a question is empty or too long.
            ConfigurationError: if the task or the class is unknown.
            EnvironmentProblem: if there is no memory for a single question.
        """
        self._geopix.check_questions([text for _, text in requests], asking)
        return self._geopix.fitting.ask(lambda part: self._respond(part, asking), requests)

    def _respond(self, requests: Sequence[tuple[Path, str]], asking: Asking) -> list[Answer]:
        geopix, task, history = self._geopix, asking.get("task"), asking.get("history", ())
        looks = self._look(tuple(dict.fromkeys(path for path, _ in requests)))
        order = {path: place for place, path in enumerate(looks)}
        index = [order[path] for path, _ in requests]
        batch = geopix.processor.pad([geopix.processor.encode_question(text, task, history) for _, text in requests])
        device = geopix.model.device
        generated = geopix.model.answer(
            joined([look.looked for look in looks.values()]),
            batch["input_ids"].to(device),
            attention_mask=batch["attention_mask"].to(device),
            image_index=torch.tensor(index, device=device),
            **geopix.options(asking),
        )
        return [geopix.answer(generated, row, looks[path].size) for row, (path, _) in enumerate(requests)]

    def _look(self, paths: Sequence[Path]) -> dict[Path, Look]:
        looks = {path: self._kept.get(path) or self._geopix.look(path) for path in paths}
        self._kept = {paths[-1]: looks[paths[-1]]}
        return looks
