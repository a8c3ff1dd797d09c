"""The `graph` command: computation and layout; its record is `records.picture.Picture`."""
