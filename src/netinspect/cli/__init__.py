"""The command line: options in, API calls, rendered reports out. Typer is known only here.

`run.py` is the entry point; `app.py` loads one module for each name in `api/command_names.py`, and uses
its `command` and `EXAMPLES`, and `help_topics.py` for `help`. Commands share `requests.py` (targets to
traces) and `results.py` (output).
"""
