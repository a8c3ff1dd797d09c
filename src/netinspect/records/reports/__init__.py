"""What each command finds: one report record a command, made by `analyze`, spelled by `render`.

One module a report: a command imports only its own.
"""

SCHEMA_VERSION = 1
"""Of the JSON that `--format json` writes; it grows only when an entry changes its meaning."""
