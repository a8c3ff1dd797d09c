"""The code of forward, read without running it: what each argument is used for.

`read_forward` walks the syntax tree of `forward`, and of the methods, functions and submodules that it
calls with its arguments. Attributes of the live model decide which layer `self.layers[0]` is.
"""
