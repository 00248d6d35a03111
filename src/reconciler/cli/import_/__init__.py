"""`reconciler import`: from the files of others to specs, with a word on every field."""
