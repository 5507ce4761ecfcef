"""Arrays in, pictures (arrays) out; no files are read or written.

Colours: `colormaps` names every map. Pictures: `clip_preview`, `camera_path`, `path_errors`,
`heat_map`, `sheet`, `tracks`.
"""
