"""From a request to a trace. The entry point is `loading.py`, for `api` and `cli`.

It answers from the cache (`cached_traces`), reads a stored file (`stored_files`), or runs the model
(`trace_target`), in several tensor modes (`tensor_modes`) and at other sizes (`symbolic_runs`).
"""
