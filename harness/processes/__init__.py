"""Many processes at one run: who does what, who is at work, and how their files become one result."""
