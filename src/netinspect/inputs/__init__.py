"""Inputs of `forward`: given, declared or inferred, and the tensors built from their specs."""
