"""Analysis of a Python file: its definitions, separated from the work that it does on import."""
