"""One page about an outcome, whole in one file: nothing from elsewhere, every word of others escaped."""
