"""Constructor arguments that the project writes down: calls, configuration classes and files.

`choose.py` is the entry point for `model_factory.py`. User files are only read, never run.
"""
