"""`python -m harness` is `geopix-eval`; `torchrun --nproc-per-node 8 -m harness ..` starts eight of it."""

from harness.cli import main

main(prog_name="geopix-eval")
