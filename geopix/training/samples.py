"""A benchmark's split as conversations: through one of the harness's readers, worded by a task or by templates."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geopix.processing import SEG, TASKS
from geopix.training.control import control_tokens
from geopix.training.mixture import LeftOut
from geopix.training.schema import Source
from geopix.training.talks.files import Talks
from geopix.training.talks.kinds import listed
from geopix.training.talks.scene import scenes, spoken_boxes, without_target
from geopix.training.turns import Lesson, Turn
from harness.boxes import Frame
from harness.errors import ConfigurationError, DataError
from harness.interfaces import Reader
from harness.prompts import PromptTemplate
from harness.records import ImageFile, Sample
from harness.spec import Task

#: The identifier before a question of each capability; those without a released one are asked as questions.
IDENTIFIERS = {capability: capability for capability in TASKS} | {"classify": "vqa", "choose": "vqa"}
SHOWN = 20
NOTHING = "There is no target."  # in words that the harness reads

ByImage = Mapping[str, Sequence[Sample]]


class Wording(Protocol):
    """Puts what a data set knows into questions and answers."""

    def turns(self, data_set: str, by_image: ByImage) -> Iterator[tuple[str, list[Turn]]]:
        """Yields each image's id with its questions and answers, in the images' order.

        Raises:
            ConfigurationError: a template does not fit the samples.
            DataError: a sample has nothing that can be said.
        """


@dataclass(frozen=True)
class TaskWording:
    """Words of a task: its prompt for each sample, and the shortest answer.

    Attributes:
        task: the task.
        prompt: a template in the place of the task's prompt; None for that.
        phrasings: templates of other ways to put it.
    """

    task: Task
    prompt: str | None = None
    phrasings: tuple[str, ...] = ()

    def turns(self, data_set: str, by_image: ByImage) -> Iterator[tuple[str, list[Turn]]]:
        """Yields a question for each sample."""
        prompt = self.task.spec.prompt if self.prompt is None else self.prompt
        own, *others = (PromptTemplate(text) for text in (prompt, *self.phrasings))
        for image_id, samples in by_image.items():
            yield image_id, [_turn(self.task, own, others, sample) for sample in samples]


@dataclass(frozen=True)
class TalkWording:
    """Words of templates.

    Attributes:
        talks: what is talked about.
        capability: what kind of answer the samples' task wants.
        frame: what the numbers of the samples' boxes count.
    """

    talks: Talks
    capability: str
    frame: Frame

    def turns(self, data_set: str, by_image: ByImage) -> Iterator[tuple[str, list[Turn]]]:
        """Yields what the talks make of each image."""
        for image_id, scene in scenes(by_image, self.capability, self.frame):
            yield image_id, list(self.talks.turns(data_set, image_id, scene))


@dataclass(frozen=True)
class SampleData:
    """The samples of a reader as conversations, image by image.

    Attributes:
        name: what messages and checkpoints call it.
        source: what the recipe says of it.
        reader: reads the samples.
        root: the data set's folder.
        wording: makes questions and answers of them.
        on_defect: `stop` or `skip` samples that the reader calls defective.
    """

    name: str
    source: Source
    reader: Reader
    root: Path
    wording: Wording
    on_defect: str = "stop"

    def lessons(self, skipped: list[LeftOut]) -> Iterator[Lesson]:
        """Yields every image with its questions, in the data set's order.

        Raises:
            DataError: there is no sample, or some cannot be used and the policy is to stop; all of them.
            ConfigurationError: a template does not fit the samples, or none finds anything to say.
        """
        by_image: dict[str, list[Sample]] = {}
        images: dict[str, ImageFile] = {}
        for sample in usable(self.reader.samples(self.root), self.root, self.on_defect, skipped):
            images.setdefault(sample.image_id, sample.images[0])
            by_image.setdefault(sample.image_id, []).append(sample)
        if not images:
            raise DataError(f"{self.root}: no sample of {self.name} with {self.source.dataset or 'its own options'}.")
        said = False
        for image_id, turns in self.wording.turns(self.name, by_image):
            if turns:
                said = True
                yield Lesson(images[image_id], tuple(turns), self.source.weight, self.source.augment)
        if not said:
            raise ConfigurationError(
                f"the templates {', '.join(self.source.templates)} find nothing to say of {self.name}: none of its "
                "samples has what they ask for."
            )


def usable(samples: Iterable[Sample], root: Path, on_defect: str, skipped: list[LeftOut]) -> Iterator[Sample]:
    """Yields the samples that can be taught.

    Args:
        samples: the samples of a data set.
        root: its folder, for messages.
        on_defect: `stop` or `skip` samples that have a defect.
        skipped: gets those that are left out.

    Raises:
        DataError: some have a defect and the policy is to stop; raised behind the last sample, with all of them.
    """
    left: list[LeftOut] = []
    count = 0
    for sample in samples:
        count += 1
        defect = sample.defect or _steering(sample)
        if defect is None:
            yield sample
            continue
        gone = next((image.path.name for image in sample.images if not image.path.is_file()), None)
        left.append(LeftOut(f"{root}: sample {sample.id} cannot be used for training: {defect}", gone))
    settle(left, root, count, on_defect, skipped)


def _steering(sample: Sample) -> str | None:
    """Why a sample's words must not reach the model, or None."""
    tokens = control_tokens((*sample.fields.values(), *sample.target.texts, *sample.tags.values()))
    return f"its words hold {' and '.join(tokens)}, which steer the model" if tokens else None


def settle(left: Sequence[LeftOut], root: Path, count: int, on_defect: str, skipped: list[LeftOut]) -> None:
    """Notes the samples of a data set that are left out.

    Args:
        left: these samples.
        root: the data set's folder or file, for messages.
        count: how many samples it has.
        on_defect: `stop` or `skip`.
        skipped: gets them.

    Raises:
        DataError: there are some, and the policy is to stop.
    """
    if left and on_defect == "stop":
        more = [f"and {len(left) - SHOWN} more"] if len(left) > SHOWN else []
        reasons = "\n  ".join([*(each.reason for each in left[:SHOWN]), *more])
        raise DataError(
            f"{root}: {len(left)} of {count} samples cannot be used{missing_images(left)}\n  {reasons}\n  "
            "Mend it, or set `defects: {sample: skip}` to leave such samples out."
        )
    skipped.extend(left)


def missing_images(left: Iterable[LeftOut]) -> str:
    """Says how many images are missing, and the names of the first twenty: "; 2 images are missing: a.png, b.png"."""
    names = list(dict.fromkeys(each.missing for each in left if each.missing))
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    are = "1 image is" if len(names) == 1 else f"{len(names)} images are"
    return f"; {are} missing: {', '.join(names[:SHOWN])}{more}"


def _turn(task: Task, own: PromptTemplate, others: Sequence[PromptTemplate], sample: Sample) -> Turn:
    capability = task.spec.capability
    masks = sample.target.masks if capability == "segment" and not without_target(sample) else ()
    return Turn(
        capability=IDENTIFIERS[capability],
        question=own.render(sample.fields),
        answer=_answer(task, sample),
        masks=masks,
        classes=(sample.tags.get("category", ""),) * len(masks),
        subject=sample.fields.get("expression", "") if len(masks) == 1 else "",
        phrasings=tuple(template.render(sample.fields) for template in others),
        id=sample.id,
    )


def _answer(task: Task, sample: Sample) -> str:
    match task.spec.capability:
        case "segment" if without_target(sample):
            return NOTHING
        case "segment" if sample.target.masks:
            seg = listed([SEG] * len(sample.target.masks))
            return f"It is {seg}." if len(sample.target.masks) == 1 else f"They are {seg}."
        case "refer" if sample.target.boxes:
            return " ".join(spoken_boxes(sample, getattr(task.parser, "scored_in", "pixels")))
        case "vqa" | "caption" | "classify" | "choose" if sample.target.texts:
            return sample.target.texts[0]
        case capability:
            raise ConfigurationError(
                f"task {task.spec.name}: sample {sample.id} has no right answer that can be taught as {capability!r}."
            )
