"""Element values of stored tensors: reading, statistics and comparison.

`api` opens the files as `data.py` and calls `statistics.py` and `anomalies.py` for `params --stats`,
`compare.py` and `fingerprints.py` for `diff --compare-values`.
"""
