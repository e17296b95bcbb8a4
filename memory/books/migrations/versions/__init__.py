"""One module a revision, named by what it changed."""
