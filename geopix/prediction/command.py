"""The command `geopix predict`."""

from pathlib import Path
from typing import Any

import click

from geopix.model_options import model_options
from harness.cli import policy_option


@click.command("predict")
@click.argument("words", nargs=-1, required=True, metavar="IMAGE... [QUESTION]")
@click.option("--questions", type=click.Path(path_type=Path), help="A text file of questions, one a line.")
@model_options("float32")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A folder for the answers, or for one image a picture to draw.",
)
@click.option("--task", help="What is asked for: caption, refer, vqa or segment.  [default: guessed from the words]")
@click.option("--memory-class", help="The class whose memory is read; predicted when not given, or unknown.")
@click.option("--batch-size", type=click.IntRange(min=1), default=8, show_default=True, help="Questions at a time.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Longest answer.")
@click.option("--bands", help="Bands of a GeoTIFF for red, green and blue, or one for grey: 4,3,2.")
@click.option("--stretch", help="What becomes black and white: 0,10000 or 2%,98%.  [default: 2%,98% but for 8 bits]")
@click.option("--tile", type=click.IntRange(min=16), help="Look at tiles of so many pixels a side, and join the masks.")
@click.option("--overlap", type=click.IntRange(min=0), help="Pixels that tiles share.  [default: an eighth of a tile]")
@click.option(
    "--masks",
    default="geotiff,geojson",
    show_default=True,
    help="How masks of georeferenced images are written besides: geotiff, geojson, both or none.",
)
@click.option(
    "--overlay-side", type=click.IntRange(min=0), default=2048, show_default=True, help="Of drawings; 0 draws none."
)
@policy_option
@click.pass_context
def predict_command(context: click.Context, /, words: tuple[str, ...], **options: Any) -> None:
    """Ask about images: a file, several, or folders of them, and GeoTIFFs with any number of bands.

    \b
    geopix predict harbour.jpg "Segment the ship on the left." -o out.png
    geopix predict images/ "Segment the ship." -o answers/
    geopix predict images/ --questions questions.txt -o answers/
    geopix predict scene.tif "Segment the ship." --bands 4,3,2 --tile 1024 --overlap 128 -o answers/

    A folder of answers holds a line an image and question, drawings, and masks in the image's own coordinate reference
    system. The same command goes on where it stopped, and asks what failed again.
    """  # noqa: D301 - click reads the backspace itself
    from geopix.prediction.running import predict  # noqa: PLC0415 - --help must not wait for torch

    context.exit(predict(words, **options))
