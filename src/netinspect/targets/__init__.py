"""Targets: parsing of target strings, import of user code, and construction of models."""
