"""`python -m netinspect` runs the command line."""

from netinspect.cli.run import main

if __name__ == "__main__":
    main()
