"""Files and folders to `Checkpoint` records, without torch and without running anything in them."""
