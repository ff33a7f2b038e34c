"""An evaluation harness for remote-sensing models that answer with words, boxes and masks."""
