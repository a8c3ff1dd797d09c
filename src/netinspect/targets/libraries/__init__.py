"""Library models by name: one adapter for each of torchvision, timm and transformers.

An adapter returns the function that builds the model of a name; it does not call the function.
"""
