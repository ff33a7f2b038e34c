"""Mini Earth: procedural aerial scenes with exact masks and a language about them.

It writes the files of RSVQA-HR and RRSIS-D, so whoever reads the real benchmarks reads these unchanged.
"""
