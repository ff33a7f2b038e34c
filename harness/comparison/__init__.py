"""Two runs or more, sample by sample: what differs, how sure that is, and whether a release may go on."""
