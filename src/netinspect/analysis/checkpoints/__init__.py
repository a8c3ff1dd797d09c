"""Facts about checkpoints, computed from their records."""
