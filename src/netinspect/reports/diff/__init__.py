"""The `diff` command: record, computation and layout."""
