"""Pure functions from records to text: a view lays a report out, a format spells the view."""
