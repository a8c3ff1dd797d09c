"""From a target string to a live module or a saved record."""
