"""`page4d synth`: drawn scenes as files."""
