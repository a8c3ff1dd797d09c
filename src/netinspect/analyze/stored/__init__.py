"""Numbers of checkpoints; records to records."""
