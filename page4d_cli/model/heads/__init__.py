"""The parts that turn aggregated tokens into cameras, depth and points."""
