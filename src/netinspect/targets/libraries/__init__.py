"""Library models by name: one adapter for each of torchvision, timm, transformers and diffusers.

An adapter returns the function that builds the model of a name; it does not call the function.
`model_factory.py` loads the adapter of a library by its name and calls its `find_builder`; `names.py`
knows the names without importing the library.
"""
