"""A random order of many things, one place at a time and without a list of them.

A Feistel network is a bijection of numbers of an even number of bits, whatever its round function;
numbers it takes beyond the things there are go through it again (Black and Rogaway, Ciphers with
Arbitrary Finite Domains, CT-RSA 2002). Nothing here is secret: the order only has to look random.
"""

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_HALF_WORD = np.uint64(32)


def permuted(places: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Look up places of a random order of 0 … count - 1.

    Args:
        places: (N,) from 0 to count - 1.
        count: how many things there are, at least 1.
        rng: what the order follows from; a generator in the same state gives the same order.

    Returns:
        (N,) what stands there; different places hold different things.
    """
    keys = rng.integers(2**64, size=_ROUNDS, dtype=np.uint64)
    half_bits = max(1, -(-(count - 1).bit_length() // 2))
    result = _feistel(places.astype(np.uint64), keys, half_bits)
    while (outside := result >= count).any():
        result[outside] = _feistel(result[outside], keys, half_bits)
    return result.astype(np.int64)


def _feistel(
    numbers: NDArray[np.uint64], keys: NDArray[np.uint64], half_bits: int
) -> NDArray[np.uint64]:
    """A bijection of numbers below 4 ** half_bits."""
    bits = np.uint64(half_bits)
    mask = np.uint64((1 << half_bits) - 1)
    left, right = numbers >> bits, numbers & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    return np.asarray((left << bits) | right, np.uint64)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all (the finaliser of Murmur3, with one multiplier)."""
    for _ in range(2):
        numbers = (numbers ^ (numbers >> _HALF_WORD)) * _MULTIPLIER
    return np.asarray(numbers ^ (numbers >> _HALF_WORD), np.uint64)
