"""Inferred inputs: candidates, attempts and refinement from errors."""
