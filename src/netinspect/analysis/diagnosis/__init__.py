"""Diagnosis of a failed call, one module per family of calls."""
