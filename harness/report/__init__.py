"""The report: one self-contained HTML page made from run directories, without torch and without the data sets."""
