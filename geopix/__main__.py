"""`python -m geopix`, and `torchrun .. -m geopix train ..` for several processes."""

from geopix.cli import main

main(prog_name="geopix")
