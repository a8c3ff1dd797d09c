"""Folders with the files of a model, local or on the hub.

`read_folder.py` is the entry point: `file_sets.py` lists the files, `weight_choice.py` chooses among
sets of weights (`weight_sets.py`), `shard_index.py` and `join.py` join shards.
"""
