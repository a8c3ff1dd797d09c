"""The magic `%netinspect` of IPython and notebooks; see `magic`."""
