"""One reader a format: a source of bytes to a `Checkpoint`."""
