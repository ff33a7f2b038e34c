"""Answers about many pictures and large scenes: `geopix predict`.

`inputs` finds pictures and questions, `scenes` and `geotiff` read them window by window, `asking` puts the questions to
the model, `merging` joins what tiles say, `outputs` and `georeferenced` write it down.
"""
