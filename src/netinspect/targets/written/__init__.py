"""Models of a project, found by reading its files: nothing is imported or run.

`reader.py` resolves names across the files of a project, `factories.py` recognises functions that
return a model, `roles.py` losses and metrics, `parts.py` the classes that others contain. `listing.py`
lists the models of a file or folder for `netinspect models`; `../only_candidate.py` chooses one.
"""
