"""Input inference: candidates, attempts to run them, and refinement from their errors."""
