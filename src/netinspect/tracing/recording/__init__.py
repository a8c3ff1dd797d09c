"""Recording of one `forward`: hooks, function mode, dispatch mode."""
