"""Static reading of pickles: opcodes to inert objects, inert objects to tensors."""
