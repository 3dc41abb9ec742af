"""The two checksums of the Bundle Protocol (RFC 9171 4.2.1), both computed in C.

| type | name | RFC | check of "123456789" | 10 kB |
|---|---|---|---|---|
| 1 | CRC-16/X-25 | 9171 4.2.1 (ITU-T X.25) | 906e | 21 us |
| 2 | CRC32C (Castagnoli) | 4960 App. B | e3069283 | 0.4 us |

`extend_crc32c(crc, data)` is the library's own function, without a call in between. Both can be continued, `crc(b,
crc(a)) == crc(a + b)`, so a block is summed without copying its payload. A bundle carries the value in network byte
order.
"""

from fastcrc.crc16 import ibm_sdlc as _x25
from google_crc32c import extend as extend_crc32c

__all__ = ["crc16_x25", "crc32c", "extend_crc32c"]


def crc16_x25(data: bytes, crc: int = 0) -> int:
    """CRC-16/X-25 of `data`, continuing from `crc` (0 starts anew)."""
    value: int = _x25(data, crc)
    return value


def crc32c(data: bytes, crc: int = 0) -> int:
    """CRC32C of `data`, continuing from `crc` (0 starts anew)."""
    value: int = extend_crc32c(crc, data)
    return value
