"""Conversations built from templates: what a data set knows of an image, put into words."""
