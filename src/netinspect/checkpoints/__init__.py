"""Readers of checkpoints, which use no torch and execute nothing in a file.

`read.py` is the entry point for files and folders, `hub/repository.py` for the model hub, both called by
`runner/stored_files.py`. `pickle_globals.py` serves the command `globals`, and `values/` the statistics
and comparisons of `api`.

`folder.py` is the entry point for folders, local or on the hub: `file_sets.py` lists the files,
`weight_choice.py` chooses among sets of weights, `shard_index.py` joins shards.
"""
