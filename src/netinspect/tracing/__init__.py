"""Trace recording: runs a live module under hooks, a function mode and a dispatch mode."""
