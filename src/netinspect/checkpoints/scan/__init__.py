"""What the files of a model hold that loading would run, member by member, by content."""
