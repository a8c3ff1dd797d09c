"""Names of the commands, read by `api/__init__.py` and `cli/app.py`.

Each has a module of its name in `cli/`, and a public function.
"""

COMMANDS = (
    "summary",
    "params",
    "trace",
    "cost",
    "tree",
    "diff",
    "source",
    "internals",
    "memory",
    "globals",
    "models",
    "cache",
)
"""Commands in the order of the help."""
