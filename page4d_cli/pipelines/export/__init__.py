"""`page4d export`: a run in the formats of other programs."""
