"""Rendering of documents: terminal, plain, JSON, CSV, Markdown, HTML.

`reports/render.py` calls the renderer of a format, and `api/_view.py` the HTML one. The layouts in
`reports` build a `Document` of `document.py` with the texts of `format_values.py` and `amounts.py`.
"""
