"""Small unusual models for tests, one theme a file; most files list their models in `CASES`."""
