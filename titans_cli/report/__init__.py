"""A session as one HTML page: `gather` the facts, draw the `charts`, lay out the `page`, `write` the file."""
