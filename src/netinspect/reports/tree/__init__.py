"""The `tree` command: record, computation and layout."""
