"""General helpers: units, files, processes, classes, tracebacks."""
