"""The `cache` command: record, computation and layout."""
