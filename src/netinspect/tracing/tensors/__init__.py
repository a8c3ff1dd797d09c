"""Records of live tensors and containers: `describe.py` turns a value into its record."""
