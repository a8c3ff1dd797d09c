"""From live tensors and containers to records."""
