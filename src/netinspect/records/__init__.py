"""Plain, frozen records of what was found; standard library only, no torch and no display text."""
