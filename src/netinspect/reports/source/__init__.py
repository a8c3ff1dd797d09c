"""The `source` command: record, computation and layout."""
