"""The difference of two sides: names paired, renames recognised, what loading would say."""
