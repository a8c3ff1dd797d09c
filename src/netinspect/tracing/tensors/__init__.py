"""Records of live tensors and containers."""
