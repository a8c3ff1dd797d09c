"""Plain, frozen records; standard library only."""
