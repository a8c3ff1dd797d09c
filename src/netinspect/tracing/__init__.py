"""From a live module to a `Trace`: hooks, function mode, dispatch mode."""
