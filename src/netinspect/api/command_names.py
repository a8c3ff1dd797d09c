"""Names of the commands, read by `api/__init__.py` and `cli/app.py`.

Each has a module of its name in `cli/`, and a public function.
"""

GROUPS = {
    "inspect": ("summary", "params", "trace", "tree", "source", "internals"),
    "measure": ("cost", "memory"),
    "see": ("graph", "page"),
    "check": ("diff", "globals"),
    "tool": ("models", "cache", "config", "doctor"),
}
"""Commands by their group in the help, in its order."""

COMMANDS = tuple(name for names in GROUPS.values() for name in names)
