"""From a target string to a live module."""
