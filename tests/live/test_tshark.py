"""Bundles written here, read by Wireshark's BPv7 and BPSec dissectors: fields equal, CRCs good, damage noticed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twin.pipeline.transport.hop_keys import KeyRing
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.transport.protector import Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.wire import bib_hmac
from twin.pipeline.wire.blocks import DELETE_BUNDLE_IF_UNKNOWN, DISCARD_BLOCK_IF_UNKNOWN, REPLICATE_IN_FRAGMENTS
from twin.pipeline.wire.bundle import Block, Bundle, encode

pytestmark = pytest.mark.live

HOUSE_US = 1_046_563_232_000_000  # 2033-03-01T00:00:00Z by DTN time
UDP_PORT = 4556  # RFC 7122
COMMENT = 0x100000  # Wireshark's lowest severity of expert information; errors and warnings are higher

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


def test_tshark_reads_the_security_blocks_of_a_protected_bundle(dissect: Dissect) -> None:
    edge, earth, entropy = (11, 1), (1, 1), bytes(range(32))
    ring = KeyRing("earth", edge, earth, {0: bytes(32)}, grace_us=0)
    mailer = SealedMailer(Address(edge, 86_400_000_000), Protector(edge, [ring]))
    mailer.started(entropy)
    shown = dissect(mailer.bundle(earth, b"a frame of vital signs", HOUSE_US))
    assert values_of(shown, "bpv7.canonical.type_code") == ["12", "12", "11", "1"]
    assert values_of(shown, "bpv7.canonical.block_num") == ["3", "4", "2", "1"]
    assert values_of(shown, "bpsec.asb.target") == ["1", "2"]
    assert values_of(shown, "bpsec.asb.ctxid") == ["2", "2"]
    assert values_of(shown, "bpsec.asb.secsrc.uri") == ["ipn:11.1", "ipn:11.1"]
    assert values_of(shown, "bpsec.defaultsc.aesvar") == ["3", "3"]
    vectors = [(entropy[8:16] + bytes((0, 0, 0, count))).hex(":") for count in (0, 1)]
    assert values_of(shown, "bpsec.defaultsc.iv") == vectors
    assert [len(tag) for tag in values_of(shown, "bpsec.defaultsc.authtag")] == [47, 47]
    severities = [int(value) for value in values_of(shown, "_ws.expert.severity")]
    assert severities == [COMMENT, COMMENT]  # "Block is targeted by BCB": of the integrity block and of the payload
    assert values_of(shown, "bpv7.crc_status") == ["1"]


def test_tshark_reads_an_integrity_block_in_clear(dissect: Dissect) -> None:
    payload = Block(1, 1, 0, 0, b"a frame of vital signs")
    signed = bib_hmac.sign(bytes(32), Block(11, 2, 0, 0, b""), (11, 1), [payload], b"a primary block")
    shown = dissect(encode(Bundle((11, 1), (1, 1), (11, 1), 1000, 0, 1000, payload.content, extra=(signed,))))
    assert values_of(shown, "bpsec.asb.ctxid") == ["1"]
    assert values_of(shown, "bpsec.defaultsc.shavar") == ["5"]
    assert values_of(shown, "bpsec.defaultsc.scope") == ["0x0000000000000007"]
    assert values_of(shown, "bpsec.defaultsc.hmac") == [signed.content[-32:].hex(":")]
    assert [int(value) for value in values_of(shown, "_ws.expert.severity") if int(value) > COMMENT] == []


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        (REPLICATE_IN_FRAGMENTS, "replicate_in_fragment"),
        (DELETE_BUNDLE_IF_UNKNOWN, "delete_if_no_process"),
        (DISCARD_BLOCK_IF_UNKNOWN, "discard_if_no_process"),
    ],
)
def test_tshark_numbers_block_flags_as_we_do(dissect: Dissect, flag: int, name: str) -> None:
    unknown = Block(192, 2, flag, 2, b"")
    shown = dissect(encode(Bundle((11, 1), (1, 1), (11, 1), 1000, 0, 1000, b"", extra=(unknown,))))
    assert values_of(shown, f"bpv7.canonical.block_flags.{name}")[0] == "1"
    assert values_of(shown, "bpv7.canonical.block_flags")[0] == f"0x{flag:016x}"
