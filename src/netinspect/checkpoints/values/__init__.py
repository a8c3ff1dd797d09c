"""Element values of stored tensors: reading, statistics and comparison."""
