"""Work that falls into independent pieces: which of them are done here, and by which processes."""
