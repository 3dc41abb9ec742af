"""Bytes that nobody should have sent: noise, damaged specimens, and shapes known to break parsers.

A damaged specimen went through one to four of these: a bit flipped; cut off; a span dropped, doubled or repeated;
spliced with another specimen; noise put in; or a scrap of its language put in, such as a length of 2^60 bytes, a number
that no machine holds, a byte that is no UTF-8, or an alias.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

_TEXT: Final = (
    *(
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\x00",
        b"\r",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\t",
        b"\n",
    ),
    *(b"9" * 20, b"9" * 5_000, b"-1", b"0", b"1e999", b"-0.0", b"NaN", b"Infinity", b"-.inf", b".nan", b"1_0"),
    *("\u0663".encode(), "\U0001f480".encode(), b"null", b"true", b"", b"  ", b",", b":", b'"', b"'", b"#", b"\\"),
)
_CBOR: Final = (
    *(bytes((major << 5 | 27,)) + struct.pack(">Q", 1 << 60) for major in range(7)),
    *(bytes((major << 5 | 26,)) + b"\x10\x00\x00\x00" for major in range(7)),
    *(bytes((major << 5 | 31,)) for major in range(8)),
    *(
        b"\xff" * 8,
        b"\xd8\x1c",
        b"\xd8\x1d\x00",
        b"\xd9\x01\x00",
        b"\xd8\x19\x00",
        b"\xc2",
        b"\xc4",
        b"\xc5",
        b"\xd8\x1e",
    ),
    *(
        b"\xd8\x23",
        b"\xd8\x24",
        b"\xd9\x01\x02",
        b"\xc0",
        b"\xc1",
        b"\xfb\x7f\xf0" + bytes(6),
        b"\xf9\x7e\x00",
        b"\xf7",
    ),
    *(
        b"\xf4",
        b"\xf5",
        b"\xf6",
        b"\x80",
        b"\x81",
        b"\xa0",
        b"\x40",
        b"\x60",
        b"\x20",
        b"\x18\x05",
        b"\x19\x00\x05",
        b"\x61\xff",
    ),
)
_JSON: Final = (
    b"{}",
    b"[]",
    b"[[",
    b'{"":',
    b'{"a":{"a":',
    b'"\\ud800"',
    b'"\\u0000"',
    b"1E400",
    b'"schema":',
    b"}",
    b"]",
)
_YAML: Final = (
    b"&a ",
    b"*a",
    b"!!python/object:os.system ",
    b"<<: ",
    b"- ",
    b"[[[[",
    b"{",
    b"? ",
    b"|\n",
    b"%TAG ! x\n",
    b"---\n",
)
_XML: Final = (
    *(
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"&b;",
        b"&#0;",
        b"&#x10ffff;",
        b"<![CDATA[",
        b"<!--",
        b"-->",
        b"<oem>",
        b"</oem>",
    ),
    *(
        b'<?xml version="1.0" encoding="UTF-16"?>',
        b'encoding="shift_jis"',
        b'encoding="idna"',
        b'encoding="unicode_escape"',
    ),
)
_LINES: Final = (
    b"# node 1 is x\n",
    b"@ 0\n",
    b"a contact ",
    b"d contact * 1 2\n",
    b"## begin x\n",
    b"META_START\n",
    b" = ",
    b";",
)
SCRAPS: Final[dict[str, tuple[bytes, ...]]] = {
    "binary": (b"\x00" * 8, b"\xff" * 8, b"\x7f" + b"\xff" * 7, *_CBOR[:8]),
    "cbor": _CBOR,
    "json": (*_TEXT, *_JSON),
    "yaml": (*_TEXT, *_JSON, *_YAML),
    "xml": (*_TEXT, *_XML),
    "lines": (*_TEXT, *_LINES),
}
"""What is put into specimens, by language."""


SAID_AGAIN: Final = b"\x82\x09\x99\x07\xd1\xd8\x1c\x59\x20\x00" + bytes(8_192) + b"\xd8\x1d\x00" * 2_000
"""A message that says 8 kB two thousand times, in 14 kB: it refers to its own part (tags 28 and 29)."""


def doubled(depth: int) -> bytes:
    """Lists of two that share their one part, so that a few bytes spell out 2^depth items."""
    data = b"\x81\x00"
    for level in reversed(range(depth)):
        data = b"\x82\xd8\x1c" + data + b"\xd8\x1d" + bytes((level,))
    return data


def _expressions(count: int) -> bytes:
    """Regular expressions under their tag, each of which takes a tenth of a second to compile."""
    texts = [f"(?i)[\\0-\U0010ffff][^{n:03}]".encode() for n in range(count)]
    return b"\x98" + bytes((count,)) + b"".join(b"\xd8\x23\x73" + text for text in texts)


_BILLION: Final = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
_ALIASES: Final = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9))
BOMBS: Final[dict[str, tuple[bytes, ...]]] = {
    "binary": (b"", bytes(4_000), b"\xff" * 4_000),
    "cbor": (
        *(
            bytes((major << 5 | 27,)) + struct.pack(">Q", 1 << size)
            for major in (2, 3, 4, 5)
            for size in (28, 40, 60, 63)
        ),
        *(b"\x82\x09\x9b" + struct.pack(">Q", 1 << size) for size in (24, 32, 60)),
        SAID_AGAIN,
        b"\x82\x09\xd9\x01\x00\x99\x07\xd1\x59\x20\x00" + bytes(8_192) + b"\xd8\x19\x00" * 2_000,
        b"\x82\x09" + doubled(23),
        b"\x82\x09" + _expressions(100),
        *(b"\x81" * 5_000, b"\xd8\x1c" * 5_000, b"\xc1" * 5_000, b"\x9f" * 5_000, b"\xa1" * 5_000),
        *(b"\x82\x09\x99\xff\xff" + item * 65_535 for item in (b"\x00", b"\x40", b"\x80")),
        b"\x82\x09\xc4\x82\x1b" + b"\x7f" * 8 + b"\x01",
        b"\x82\x09\xc5\x82\x1a\x7f\xff\xff\xff\x01",
    ),
    "json": (
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"schema": ' + b"9" * 20_000 + b"}",
        b'"' + b"\\u0000" * 5_000 + b'"',
    ),
    "yaml": (
        ("a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + _ALIASES).encode(),
        *(
            b"[" * 5_000,
            b"{a: " * 1_000,
            b"- " * 1_000,
            b"a: " + b"9" * 20_000,
            b"? " * 1_000,
            b"a: [" + b"x, " * 1_000 + b"]",
        ),
        b"a: |\n" + b"  x\n" * 5_000,
    ),
    "xml": (
        f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "lol">{_BILLION}]><oem>&l9;</oem>'.encode(),
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><oem/>',
        *(b"<oem>" * 10_000, b"<data>" * 10_000, b"<oem " + b'a="b" ' * 5_000 + b"/>"),
        *(b'<?xml version="1.0" encoding="%s"?><oem/>' % name for name in (b"UTF-16", b"shift_jis", b"idna", b"hex")),
        *(
            b'<?xml version="1.0" encoding="%s"?><oem/>' % name
            for name in (b"punycode", b"unicode_escape", b"undefined")
        ),
    ),
    "lines": (b"," * 20_000, b'"' * 20_001, b'"' + b"x" * 200_000, b"\n" * 20_000, b"# node 1 is x\n" * 1_000),
}
"""Whole inputs that ask for far more than they hold, by language."""


@st.composite
def damaged(draw: st.DrawFn, specimens: Sequence[bytes], language: str) -> bytes:
    """A specimen that went through one to four mutations."""
    data = draw(st.sampled_from(specimens))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        match draw(st.sampled_from(("bit", "cut", "drop", "double", "splice", "noise", "scrap", "scrap"))):
            case "bit" if at < len(data):
                data = data[:at] + bytes((data[at] ^ 1 << draw(st.integers(0, 7)),)) + data[at + 1 :]
            case "cut":
                data = data[:at]
            case "drop":
                data = data[:at] + data[end:]
            case "double":
                data = data[:end] + data[at:end] * draw(st.sampled_from((1, 1, 2, 50))) + data[end:]
            case "splice":
                other = draw(st.sampled_from(specimens))
                data = data[:at] + other[draw(st.integers(0, len(other))) :]
            case "noise":
                data = data[:at] + draw(st.binary(max_size=8)) + data[end:]
            case "scrap":
                keep = draw(st.sampled_from((at, end)))
                data = data[:at] + draw(st.sampled_from(SCRAPS[language])) + data[keep:]
    return data


def hostile(specimens: Sequence[bytes], language: str) -> st.SearchStrategy[bytes]:
    """Damaged specimens most of the time, else noise."""
    return st.one_of(*[damaged(specimens, language)] * 7, st.binary(max_size=200))
