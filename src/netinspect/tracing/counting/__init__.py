"""What each of torch's operators costs: one rule an operator, found by its name."""
