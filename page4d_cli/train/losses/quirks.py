"""Where the original behaves worse than it should, and how to go back to it."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Quirks:
    """What the original does and this project does not, unless told to."""

    first_frame_decides: bool = False
    """A sample's cameras count only if its first frame has enough valid pixels. Otherwise each part
    asks for what it needs: rotation and field of view for nothing, translation for a scale, that
    is for enough valid pixels in the clip."""
    far_targets_clamped: bool = False
    """Target coordinates beyond ±100 are clamped, which bends their direction. Otherwise pixels
    whose target lies farther away than 100 are masked."""
    filters_differ: bool = False
    """Confidence and regression term each drop their own largest 2 %. Otherwise both drop the
    pixels of largest error."""
    pixels_pooled: bool = False
    """The pixels of all samples share one mean, so that a dense sample outweighs a sparse one.
    Otherwise each sample has its own quantile and mean, and samples count alike."""
    one_unsupervised_drops_all: bool = False
    """One sample without supervised geometry takes the geometry of the whole batch with it."""

    @classmethod
    def original(cls) -> "Quirks":
        """All of them."""
        return cls(**{quirk.name: True for quirk in fields(cls)})
