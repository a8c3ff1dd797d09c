"""Input inference: candidates, attempts to run them, and refinement from their errors.

`infer_inputs.py` is the entry point, called by `inputs/choose.py`; `remedies.py` suggests other inputs
after a failed forward, called by `runner/trace_target.py`.
"""
