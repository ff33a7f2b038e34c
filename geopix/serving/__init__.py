"""`geopix serve`: a page on this machine where one drops a picture, asks, and sees words, boxes and masks."""
