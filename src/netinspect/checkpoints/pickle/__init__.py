"""Static reading of pickles: opcodes to inert objects, inert objects to tensors.

`stream.py` splits a file into opcodes and `interpreter.py` runs them. The handlers of opcodes
(`opcodes.py`, `literals.py`, `containers.py`, `names.py`) make inert objects (`objects.py`), which
`tensor_extractor.py` walks; it asks `tensors.py` and `arrays.py` for the facts of tensors, and
`collected_content.py` collects them for the readers in `formats/`. `lenient_interpreter.py` is for
`scan/`, which goes on after errors.
"""
