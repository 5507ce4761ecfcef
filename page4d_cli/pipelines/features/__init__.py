"""Pictures of what each layer of the network puts out.

`visualize_features` writes, for each scene (S frames, L layers, h×w patches):

```
out/
  {name}_frame_feature_{layer}.png    the layer after its frame block, one colour a patch, enlarged
  {name}_global_feature_{layer}.png   the layer after its global block
  {name}_sheet.png                    with --sheet: all layers of a frame
  {name}_mask.png                     with --mask: the spatial mask head's value, [-½, ½]
  {name}_mask_overlay.png             the same, laid over the frame
  frame_feature_{layer}.mp4           with --video, and global_feature_{layer}.mp4
  statistics.npz                      with --statistics (`statistics.py`)
  compare/                            with --compare: all of this of the other weights
  {name}_comparison.png               with --compare: both, side by side
  features.json                       what was done, and all files; moved to its place last
```
"""
