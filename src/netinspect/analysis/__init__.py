"""Pure functions that several reports share: records to numbers."""
