"""Read the clip of a run directory again: maps, cameras, and the pictures that it was made of."""
