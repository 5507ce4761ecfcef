"""Joining the windows of a long video: arrays of overlapping windows in, one camera path out.

A network sees a long video a window at a time, and every window comes back in a unit and a world of
its own. Nothing here knows a network or a file. `join.join_windows` puts the steps together:

- `cuts`: where the windows say that the video was cut, they are split;
- `scales`: one factor a window, from what overlapping windows say of the same frames;
- `steps`: every frame's step from the one before, averaged over the windows that saw it;
- `skips`: what windows of every k-th frame, which see farther, say of factors and path;
- `candidates`, `loops`: places that were seen twice, as far as the pictures of both agree;
- `closing`, `pose_graph`: the path bent so that the loops close;
- `held_out`: whether the windows still agree afterwards;
- `known_path`: the path bent to poses that are known from elsewhere.
"""
