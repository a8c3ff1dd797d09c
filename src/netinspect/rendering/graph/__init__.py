"""Drawings of a `Picture`: coordinates, SVG, PNG and texts."""
