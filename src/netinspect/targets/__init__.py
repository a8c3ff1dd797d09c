"""Targets: parsing of target strings, import of user code, and construction of models.

`target.py` parses a string, for `api` and `cli`. `model_factory.py` imports what it names and builds
the model, for `runner` and `memory_tracker`; `only_candidate.py` chooses the model of a file,
`libraries/` has the models of libraries.
"""
