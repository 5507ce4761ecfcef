"""Which points of a clip make its coloured cloud, and which frames see each of them."""
