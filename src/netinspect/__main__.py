"""`python -m netinspect` runs the command line."""

import sys

if not sys.flags.safe_path and sys.path:
    # Python puts the current folder first, where a file may have the name of a module that we import.
    # Targets find what is there all the same.
    del sys.path[0]

from netinspect.cli.run import main

if __name__ == "__main__":
    main()
