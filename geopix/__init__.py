"""GeoPix: a remote-sensing language model that answers with words, boxes and masks."""
