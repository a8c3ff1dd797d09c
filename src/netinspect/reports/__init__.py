"""Reports: one folder per command, with its record, computation and layout."""
