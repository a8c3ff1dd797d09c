"""Parts of layouts that several commands share."""
