"""Online checkers: each guarantee is a small class whose docstring is its formal statement.

Notation: record r = (d, e, i): device, epoch, index; A(t) accepted by the edge, D(t) durable and visible on Earth,
V(t) verified as the device knows it. Checkers read the trace only; they carry their own RFC 9162 hashing, because a
bug in a shared one would hide itself.
"""
