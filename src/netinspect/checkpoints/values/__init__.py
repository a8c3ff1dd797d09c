"""The elements of stored tensors: read in pieces, summed up, compared."""
