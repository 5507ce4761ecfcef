"""Weight an error by the confidence that the network predicts with it.

The aleatoric uncertainty of Kendall and Gal (arXiv 1703.04977) as DUSt3R (arXiv 2312.14132,
equation 4) writes it.
"""

from torch import Tensor

SMALLEST_CONFIDENCE = 1e-6


def confidence_weighted(
    error: Tensor, confidence: Tensor, gamma: float = 1.0, alpha: float = 0.2
) -> Tensor:
    """The error e becomes gamma · e · c - alpha · ln c, elementwise."""
    confidence = confidence.clamp(min=SMALLEST_CONFIDENCE)
    return gamma * error * confidence - alpha * confidence.log()
