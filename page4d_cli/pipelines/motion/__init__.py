"""`page4d motion`: which pixels of a run move."""
