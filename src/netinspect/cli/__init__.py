"""The command line: options in, API calls, rendered reports out. Typer is known only here."""
