"""Arrays in, pictures (arrays) out: colour maps, scales, sheets, tracks. No files."""
