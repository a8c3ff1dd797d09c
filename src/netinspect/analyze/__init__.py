"""Pure functions from records to records: every number that is shown comes from here."""
