"""Our own files: the run directory, its manifest, and each format inside it.

Reads and writes what page4d itself defines; imports only the core.
"""
