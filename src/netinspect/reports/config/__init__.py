"""The `config` command: record, computation and layout."""
