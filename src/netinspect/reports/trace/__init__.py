"""The `trace` command: record, computation and layout."""
