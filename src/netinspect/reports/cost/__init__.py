"""The `cost` command: record, computation and layout."""
