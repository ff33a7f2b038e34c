"""Pictures turned and mirrored, with masks, boxes and words that stay true."""
