"""`page4d weights`: those with a name, and the files of all."""
