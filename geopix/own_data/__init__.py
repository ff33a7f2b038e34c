"""Training data and a test of one's own, from GeoTIFFs and polygons: `geopix tiles`.

`rasters` and `polygons` read what there is and say what is wrong with it, `places` says what belongs to which split,
`cutting` makes tiles with masks, `questions` says what is asked of a tile, `files` writes it all down, `making` does it
in order.
"""
