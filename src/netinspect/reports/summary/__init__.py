"""The `summary` command: record, computation and layout."""
