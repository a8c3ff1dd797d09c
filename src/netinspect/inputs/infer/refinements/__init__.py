"""Refinements: the candidates to run after a failed one.

`table` lists the functions, each of which reads one kind of evidence from the failed attempt.
"""
