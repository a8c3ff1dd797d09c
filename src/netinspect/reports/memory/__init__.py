"""The `memory` command: record, computation and layout."""
