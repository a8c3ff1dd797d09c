"""The page of a model: one HTML file with the assets in `assets/` and the data of the page."""
