"""Immutable records of traces, checkpoints and memory tracks; standard library only."""
