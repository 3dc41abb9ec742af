"""Bundles written here, read by Wireshark's BPv7 dissector: fields equal, CRCs good, damage noticed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twin.pipeline.transport.mailer import Address, Mailer

pytestmark = pytest.mark.live

HOUSE_US = 1_046_563_232_000_000  # 2033-03-01T00:00:00Z by DTN time
UDP_PORT = 4556  # RFC 7122

Dissect = Callable[[bytes], dict[str, Any]]


@pytest.fixture
def dissect(component: Callable[..., str], tmp_path: Path) -> Dissect:
    """A bundle as the dissector's fields."""
    text2pcap, tshark = component("text2pcap"), component("tshark")

    def read(bundle: bytes) -> dict[str, Any]:
        (tmp_path / "hex").write_text("0000 " + " ".join(f"{octet:02x}" for octet in bundle) + "\n")
        wrap = [text2pcap, "-q", "-u", f"40000,{UDP_PORT}", str(tmp_path / "hex"), str(tmp_path / "pcap")]
        subprocess.run(wrap, check=True, capture_output=True)
        show = [tshark, "-r", str(tmp_path / "pcap"), "-T", "json", "--no-duplicate-keys"]
        text = subprocess.run(show, check=True, capture_output=True, text=True).stdout
        bpv7: dict[str, Any] = json.loads(text)[0]["_source"]["layers"]["bpv7"]
        return bpv7

    return read


def bundle_of(payload: bytes) -> bytes:
    """A bundle as an edge node sends it."""
    return Mailer(Address((11, 1), 86_400_000_000)).bundle((1, 1), payload, HOUSE_US)


def values_of(tree: Any, key: str) -> list[str]:
    """Every value under a key, at any depth."""
    found: list[str] = []
    if isinstance(tree, dict):
        for name, value in tree.items():
            found += [value] if name == key and isinstance(value, str) else values_of(value, key)
    elif isinstance(tree, list):
        for value in tree:
            found += values_of(value, key)
    return found


def test_tshark_reads_every_field_of_a_bundle(dissect: Dissect) -> None:
    shown = dissect(bundle_of(b"a frame of vital signs"))
    assert values_of(shown, "bpv7.primary.dst_uri") == ["ipn:1.1"]
    assert values_of(shown, "bpv7.primary.src_uri") == ["ipn:11.1"]
    assert values_of(shown, "bpv7.time.dtntime") == ["1046563200000"]
    assert values_of(shown, "bpv7.primary.lifetime") == ["86400000"]
    assert values_of(shown, "bpv7.crc_status") == ["1", "1"]


def test_tshark_notices_one_flipped_bit(dissect: Dissect) -> None:
    good = bundle_of(b"a frame of vital signs")
    position = good.index(b"vital")
    damaged = good[:position] + bytes((good[position] ^ 1,)) + good[position + 1 :]
    assert values_of(dissect(damaged), "bpv7.crc_status") == ["1", "0"]
