"""The `globals` command: record, computation and layout."""
