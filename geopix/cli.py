"""The command `geopix`."""

import click

from geopix.checkpoint_commands import card_command, merge_command
from geopix.conversion.command import convert_command
from geopix.earth.command import earth
from geopix.own_data.command import tiles_command
from geopix.prediction.command import predict_command
from geopix.serving.command import serve_command
from geopix.training.command import train_command
from harness.cli import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="geopix")
def main() -> None:
    """GeoPix: answers about aerial images with words, boxes and masks; its trainer, and Mini Earth."""


main.add_command(predict_command)
main.add_command(convert_command)
main.add_command(merge_command)
main.add_command(card_command)
main.add_command(serve_command)
main.add_command(tiles_command)
main.add_command(train_command)
main.add_command(earth)
