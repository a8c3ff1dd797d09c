"""Costs of torch's operators: one rule per operator, found by name in `table.py`.

`recording/operators.py` applies them to each dispatched operator.
"""
