"""Random streams by name: each cause of chance draws from its own generator.

A stream depends on the scenario seed and on its own name, never on the order in which streams are made. A new
device or a new fault therefore moves nobody else's numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_SEPARATOR = "\x1f"
T = TypeVar("T")


def stream(seed: int, *name: str) -> np.random.Generator:
    """Give the generator of one named cause.

    Args:
        seed: The scenario's seed, 0 or more.
        name: Parts of the cause's name, such as ``"vitals", "monitor-3"``; at least one, none empty.

    Returns:
        A PCG64 generator, always at the start of its stream.

    Raises:
        ValueError: The seed is negative, or the name is empty or holds the unit separator U+001F.

    Source:
        O'Neill 2014, "PCG" (the generator); NumPy's ``SeedSequence``, whose ``spawn_key`` takes the SHA-256
        of the name as eight 32-bit words. `tests/world/test_patient.py` pins the first words.
    """
    if seed < 0:
        raise ValueError(f"seed {seed}: a seed is 0 or more; choose another")
    if not name or any(not part or _SEPARATOR in part for part in name):
        raise ValueError(f"random stream {name!r}: every part of a name is non-empty text without U+001F")
    digest = hashlib.sha256(_SEPARATOR.join(name).encode()).digest()
    words = tuple(int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


def one_of(choices: Sequence[T], random: np.random.Generator) -> T:
    """Any of some, each as likely, by a single draw.

    Raises:
        ValueError: There is none.
    """
    return choices[int(random.integers(0, len(choices)))]
