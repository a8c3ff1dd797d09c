"""The `internals` command: record, computation and layout."""
