"""Where frames come from: clips of a user, recorded data sets, drawn scenes.

`clip` and `sets` run without torch; `synthetic` renders with it.
"""
