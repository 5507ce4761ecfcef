"""Many scenes: which there are, a place for each, and what happens when one of them fails."""
