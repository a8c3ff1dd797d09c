"""The `params` command: record, computation and layout."""
