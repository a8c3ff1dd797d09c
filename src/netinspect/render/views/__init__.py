"""One view a report: which columns, in which order, with which notes. No format is known here."""
