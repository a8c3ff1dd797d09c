"""Names of the commands, each with a module in `cli/` and a public function."""

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
