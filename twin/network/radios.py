"""Codes and radios whose numbers were published: what a link budget starts from.

The X-band link down is that of reference/link_budget.csv, like Mars Reconnaissance Orbiter's (MRO); what that table
assumes is said in its head. All of it can be replaced term by term (``_replace``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twin.network.link_budget import Code, Link, Receiver, Transmitter, dish_gain_dbi

CODES: Final[Mapping[str, Code]] = MappingProxyType(
    {
        "conv-1/2": Code(1 / 2, 4.8, "CCSDS 130.1-G: (7,1/2), BER 1e-6 (recalled)"),
        "rs-conv": Code(223 / 510, 2.55, "reference/link_budget.csv: Reed-Solomon (255,223) over (7,1/2), BER 1e-6"),
        "turbo-1/6": Code(1 / 6, 0.1, "reference/link_budget.csv: block of 8920 bits"),
        "turbo-1/2": Code(1 / 2, 1.0, "CCSDS 130.1-G: block of 8920 bits, FER 1e-4 (recalled)"),
        "ldpc-7/8": Code(7136 / 8160, 3.9, "CCSDS 130.1-G: code C2, BER 1e-6 (recalled)"),
    }
)

X_DOWN_HZ: Final = 8.4e9
"""Deep-space X-band toward Earth: MRO, mars.nasa.gov commxband."""
X_UP_HZ: Final = 7.17e9
"""Deep-space X-band toward Mars: CCSDS 401.0-B, 7145 to 7190 MHz (recalled)."""
KA_DOWN_HZ: Final = 32.0e9
"""Deep-space Ka-band toward Earth, as in reference/fspl.csv."""

DSN_34M_X: Final = Receiver(68.3, 0.0, 30.0)
"""reference/link_budget.csv, 810-005 module 104 (recalled): G/T 53.5 dB/K."""
DSN_70M_X: Final = Receiver(74.1, 0.0, 20.0)
"""810-005 module 101 (recalled): 74.1 dBi and about 20 K."""
DSN_34M_KA: Final = Receiver(78.8, 0.1, 45.0)
"""810-005 module 104 (recalled): 78.8 dBi, about 45 K with the air of a clear day."""
DSN_RECEIVERS: Final[Mapping[tuple[float, str], Receiver]] = MappingProxyType(
    {(34.0, "X"): DSN_34M_X, (70.0, "X"): DSN_70M_X, (34.0, "Ka"): DSN_34M_KA}
)
"""By the dish's diameter [m] and band; the 70 m antennas have no Ka-band."""
DSN_34M_X_UP: Final = Transmitter(20_000.0, 0.0, 66.9, 0.0)
"""810-005 module 104 (recalled): 20 kW, 66.9 dBi at the feed."""

EFFICIENCY: Final[Mapping[str, float]] = MappingProxyType({"X": 0.65, "Ka": 0.55})
"""Of a spacecraft's dish. X: head of reference/link_budget.csv. Ka, assumed: a surface made for X-band."""

MRO_X_34M: Final = Link(
    Transmitter(100.0, 1.0, dish_gain_dbi(3.0, EFFICIENCY["X"], X_DOWN_HZ), 0.2),
    DSN_34M_X,
    X_DOWN_HZ,
    0.2,
    CODES["rs-conv"],
    implementation_loss_db=1.0,
    margin_db=3.0,
    rate_max_bps=6_000_000,
)
"""100 W, 3 m, 6 Mbit/s at most: published; the rest assumed as in the head of reference/link_budget.csv."""

MRO_KA_34M: Final = Link(
    Transmitter(35.0, 1.0, dish_gain_dbi(3.0, EFFICIENCY["Ka"], KA_DOWN_HZ), 1.0),
    DSN_34M_KA,
    KA_DOWN_HZ,
    0.2,
    CODES["turbo-1/6"],
    implementation_loss_db=1.0,
    margin_db=4.0,
)
"""35 W and the same dish (recalled). Assumed: 1 dB of pointing, as a beam of 0.2 deg wants. Margin: 4 dB keep 95 % of
the data, abstract of IPN Progress Report 42-214B (2018)."""

MRO_X_UP_34M: Final = Link(
    DSN_34M_X_UP,
    Receiver(dish_gain_dbi(3.0, EFFICIENCY["X"], X_UP_HZ), 0.2, 500.0),
    X_UP_HZ,
    0.2,
    CODES["conv-1/2"],
    implementation_loss_db=1.0,
    margin_db=3.0,
)
"""The way up to the same dish. Assumed: 500 K behind a diplexer; the code, as commands have a weaker one."""
