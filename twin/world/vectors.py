"""Products and lengths of vectors, added in one fixed order, so that every processor gets the same bits."""

import numpy as np

from twin.world.timescales import FloatArray


def dot(one: FloatArray, other: FloatArray) -> FloatArray:
    """Scalar product along the last axis, shapes (..., 3) to (...)."""
    products = one * other
    total: FloatArray = products[..., 0] + products[..., 1] + products[..., 2]
    return total


def norm(vectors: FloatArray) -> FloatArray:
    """Length along the last axis, shape (..., 3) to (...)."""
    length: FloatArray = np.sqrt(dot(vectors, vectors))
    return length
