"""General helpers without knowledge of models: units, files, processes, classes, tracebacks.

Any package may import them.
"""
