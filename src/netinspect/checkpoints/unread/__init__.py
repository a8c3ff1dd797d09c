"""Formats that are not read: recognized by their content, and named with what reads them."""
