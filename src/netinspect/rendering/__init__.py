"""Rendering of documents: terminal, plain, JSON, CSV, Markdown, HTML."""
