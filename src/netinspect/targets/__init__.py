"""Targets: parsing, import and construction of models."""
