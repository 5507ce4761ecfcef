"""`page4d infer`: clips in, run directories out."""
