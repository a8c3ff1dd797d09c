"""Recording of one `forward`: hooks, function mode, dispatch mode.

`capture.py` enters a `Recorder` of `recorder.py`, which adds each call to the `CallStack`.
"""
