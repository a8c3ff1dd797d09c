"""Evaluation of Python source by reading it: user code is never imported or run.

Scripts, examples and configuration files are evaluated as far as their values follow from literals,
simple arithmetic, functions of the project and defaults of command lines. All others are `UNKNOWN`.
"""
