"""The vocabulary of the project: errors, closed choices, geometry and the types that cross layers.

Imports nothing but numpy and the standard library.
"""
