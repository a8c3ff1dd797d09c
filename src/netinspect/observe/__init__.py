"""From a live module to a `Trace`: the static walk, the hooks, the function-level steps."""
