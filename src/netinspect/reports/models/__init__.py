"""The `models` command: record, computation and layout."""
