"""Costs of torch's operators: one rule per operator, found by name."""
