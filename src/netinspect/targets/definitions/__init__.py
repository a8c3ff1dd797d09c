"""Analysis of a Python file: its definitions, separated from the work that it does on import.

`isolation/project_imports.py` and `only_candidate.py` use it to run definitions alone.
"""
