"""The verbs of the project, callable from a notebook as from the command line."""
