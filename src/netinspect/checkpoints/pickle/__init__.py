"""Pickles, read without running them: opcodes to inert objects, and those to tensors."""
