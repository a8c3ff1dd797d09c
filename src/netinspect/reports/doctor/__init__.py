"""The `doctor` command: record, computation and layout."""
