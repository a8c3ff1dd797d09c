"""Scan of model files for content that loading would execute."""
