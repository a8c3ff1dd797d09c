"""The `page` command: one HTML file with all that is known of a model."""
