"""Models by name from the libraries that people take them from: one small adapter a library.

An adapter turns a name into a function that builds the model; it builds nothing itself.
"""
