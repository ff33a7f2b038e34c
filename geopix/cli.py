"""The command `geopix`."""

from pathlib import Path
from typing import Any

import click

from geopix.checkpoint_commands import card_command, merge_command
from geopix.conversion.command import convert_command
from geopix.earth.command import earth
from geopix.serving.command import serve_command
from geopix.training.command import train_command
from harness.cli import Group
from harness.errors import ConfigurationError, MissingDataError


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="geopix")
def main() -> None:
    """GeoPix: answers about aerial images with words, boxes and masks; its trainer, and Mini Earth."""


@main.command("predict")
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("text")
@click.option("--model", default="geopix-mini", show_default=True, help="A checkpoint folder, or geopix-mini.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to draw masks and boxes over the image.")
@click.option("--task", help="What is asked for: caption, refer, vqa or segment.  [default: guessed from the words]")
@click.option("--memory-class", help="The class whose memory is read; predicted when not given, or unknown.")
@click.option("--device", help="cpu, cuda, cuda:1 or mps.")
def predict(image: Path, text: str, model: str, output: Path | None, **settings: Any) -> None:
    r"""Ask about one image: geopix predict harbour.jpg "Segment the ship on the left." -o out.png."""
    from geopix.drawing import draw_answer  # noqa: PLC0415 - --help must not wait for torch
    from geopix.mini import MINI  # noqa: PLC0415
    from geopix.predictor import GeoPix  # noqa: PLC0415

    if output is not None and output.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"):
        raise ConfigurationError(f"--output: expected a picture's name, out.png for example, found {str(output)!r}.")
    if output is not None and not output.absolute().parent.is_dir():
        raise ConfigurationError(f"--output: there is no folder {output.absolute().parent}. Make it, or name another.")
    if not image.is_file():
        raise MissingDataError(f"{image}: no such file (looked for {image.absolute()}). Give the path of a picture.")
    geopix = GeoPix.from_pretrained(MINI if model == "geopix-mini" else model, device=settings["device"])
    task = settings["task"] or guess_task(text)
    answer = geopix.respond(image, text, task=task, memory_class=settings["memory_class"])
    click.echo(answer.text)
    if not answer.text:
        click.echo("note: the model answered nothing; try other words, or the phrasing it was trained on", err=True)
    height_width = "x".join(map(str, answer.masks.shape[:0:-1]))
    for number, mask in enumerate(answer.masks, 1):
        click.echo(f"mask {number}: {int(mask.sum())} of {mask.size} pixels ({height_width})")
    for box in answer.boxes:
        click.echo("box x0 y0 x1 y1: " + " ".join(f"{value:.0f}" for value in box))
    if answer.reason:
        click.echo(f"note: {answer.reason}", err=True)
    if output is not None:
        draw_answer(image, answer).save(output)
        click.echo(output)


def guess_task(text: str) -> str:
    """Returns the kind of answer that the words of a question call for.

    >>> guess_task("Segment the ship on the left."), guess_task("Is there a ship?"), guess_task("Describe the image.")
    ('segment', 'vqa', 'caption')
    """
    words = text.lower()
    if "segment" in words or "mask" in words:
        return "segment"
    if words.startswith("where") or "bounding box" in words:
        return "refer"
    return "caption" if words.startswith("describe") else "vqa"


main.add_command(convert_command)
main.add_command(merge_command)
main.add_command(card_command)
main.add_command(serve_command)
main.add_command(train_command)
main.add_command(earth)
