"""Computation graphs of model files, one module for each format.

`read.read_file_graph` is the entry point. Nothing in a file is executed, and torch is not imported.
"""
