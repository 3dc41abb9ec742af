"""The table of every parser of outside bytes: what it documents, and what must be true of what it accepts.

LTP and Proximity-1 are not in it: they are modelled by their times and sizes (`twin/network/ltp.py`, `proximity1.py`),
and nobody parses their bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import cbor2
import specimens
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness import Parser

from twin.experiments.clinic_settings import watch_of
from twin.hunt.findings import open_findings
from twin.network.formats import PlanFileError, number_nodes, read_csv, read_hdtn, read_ion, to_csv, to_hdtn, to_ion
from twin.pipeline.clinic.alarms import AlarmRules
from twin.pipeline.clinic.board import AlarmBoard
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.stream import problem_with_signatures
from twin.pipeline.wire import asb, bcb_gcm, bib_hmac, bpsec, bundle, frame, messages
from twin.pipeline.wire.blocks import Block, BundleError, encode_block, read_block, seal_crc
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.primary import Flow, encode_primary, read_primary
from twin.pipeline.wire.signing import signer, verifier
from twin.result import Result, ResultError
from twin.run_registry import load_persons, load_registry
from twin.scenario import HabitatScenario, ScenarioError, load_scenario, parse_scenario
from twin.scenario.document import read_document
from twin.scenario.errors import RuleError
from twin.scenario.instants import parse_instant
from twin.scenario.recordings import read_recording
from twin.units import DURATION, QuantityError, parse_quantity
from twin.verify import frames as independent
from twin.verify.store import cosignatures, open_store
from twin.world.oem import OemError, read_oem

CHANNELS: Final = ("heart_rate_bpm", "spo2_pct", "temperature_ddegc")
_SECRET, _OTHER = bytes(range(32)), bytes(range(32, 64))
_KEYS: Final = bpsec.HopKeys(_SECRET, AESGCM(_OTHER))
_FLOW: Final = Flow(0, True, 2, (1, 1), (11, 1), (11, 1))
_PRIMARY: Final = encode_primary(_FLOW, 10**12, 7, 86_400_000)
_PAYLOAD: Final = b"sixteen hours of it" * 4
_BY: Final = verifier("hmac-sha256", _SECRET)


class UnsignedError(Exception):
    """Read, and not signed by whom it should be: what a node does not take."""


Holds = Callable[[bytes, Any, tuple[bytes, ...]], bool]


def pure(read: Callable[[bytes], Any]) -> Callable[[bytes, Path], Any]:
    """A parser that needs no folder."""
    return lambda data, _: read(data)


def text(read: Callable[[str], Any]) -> Callable[[bytes, Path], Any]:
    """A parser of text, for bytes whose wrong places were replaced as a reader of files would refuse them."""
    return lambda data, _: read(data.decode("utf-8", "surrogateescape"))


def in_file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes, Path], Any]:
    """A parser of a file of this name."""

    def put_and_read(data: bytes, folder: Path) -> Any:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return read(path)

    return put_and_read


def canonical(write: Callable[[Any], bytes]) -> Holds:
    """What was read has one encoding: the bytes that were read."""
    return lambda data, value, _: write(value) == data


def stable(write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> Holds:
    """What was read reads alike once it is written."""
    return lambda _, value, __: read(write(value)) == value


def original(data: bytes, value: Any, whole: tuple[bytes, ...]) -> bool:
    """Signed or sealed: whatever was accepted is a specimen, bit by bit."""
    del value
    return data in whole


def anything(*_: object) -> bool:
    """Nothing more is asked than an answer."""
    return True


# ------------------------------------------------------------ the wire


def _read_frame(data: bytes) -> Any:
    found = frame.open_frame(data, 32)
    assert frame.peek_record(data) == (found.device, found.epoch, found.index)
    bodies = {frame.SAMPLES: frame.decode_samples, frame.CLOSING: frame.decode_closing, frame.ALERT: frame.decode_alert}
    return bodies[found.kind](found.body)


def _read_as_auditor(data: bytes) -> Any:
    found = independent.parse_frame(data, 32)
    readers = {1: independent.read_samples, 2: independent.read_closing, 3: independent.read_alert}
    return readers[found.kind](found.body)


def _archived() -> tuple[bytes, ...]:
    cosigns = [data for data in specimens.all_messages() if isinstance(messages.decode(data), messages.Cosign)]
    return (cbor2.dumps(cosigns),)


def _signed_frames() -> tuple[bytes, ...]:
    by = signer("hmac-sha256", _SECRET)
    return tuple(
        frame.seal(frame.open_frame(data, 32), apid=1, packet_count=3, signer=by) for data in specimens.frames()
    )


def _read_signed_frame(data: bytes) -> bytes:
    frame.peek_record(data)
    if not frame.verify_frame(data, _BY, 32):
        raise UnsignedError
    return data


def _bodies(kind: int) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(
        frame.open_frame(data, 32).body for data in specimens.frames() if frame.peek_kind(data) == kind
    )


def _bundles() -> tuple[bytes, ...]:
    extra = (Block(192, 9, 0x01, 2, b"kept"), Block(193, 10, 0, 0, b""))
    full = bundle.Bundle(
        (11, 1), (1, 1), (0, 0), 0, 40, 10**6, _PAYLOAD, 300, 30, 2, crc_type=1, previous_node=(2, 0), extra=extra
    )
    clear = bundle.encode_payload(bundle.encode_flow(_FLOW), 10**12, 7, 10**6, _PAYLOAD)
    return bundle.encode(full), clear


def _sealed() -> tuple[bytes, ...]:
    ivs = [bytes((n,)) * 12 for n in range(4)]
    made = [bpsec.seal(_PRIMARY, (11, 1), _PAYLOAD + bytes((n,)), _KEYS, ivs[2 * n], ivs[2 * n + 1]) for n in range(2)]
    return tuple(made)


def _open_sealed(data: bytes) -> bytes:
    return bpsec.unseal(bpsec.read_sealed(data), _KEYS)


def _payload_unchanged(_: bytes, value: bytes, whole: tuple[bytes, ...]) -> bool:
    """Other nodes may add blocks to a protected bundle; what it carries stays."""
    return value in [_open_sealed(data) for data in whole]


def _read_primary(data: bytes) -> Any:
    """A primary block behind a CRC that is always right, so that damage gets past it."""
    *found, end = read_primary(b"\x9f" + data + seal_crc(2, data))
    if end != len(data) + 6:
        raise BundleError("bytes follow")
    return found


def _primaries() -> tuple[bytes, ...]:
    return (_PRIMARY[:-5],)


def _write_primary(value: Any) -> bytes:
    return encode_primary(*value)[:-5]


def _read_block(data: bytes) -> Block:
    block, end = read_block(data, 0)
    if end != len(data):
        raise BundleError("bytes follow")
    return block


def _blocks() -> tuple[bytes, ...]:
    return tuple(encode_block(Block(192, 9, 1, crc, b"content" * 5)) for crc in (0, 1, 2))


def _security_blocks() -> tuple[bytes, ...]:
    sealed = [bpsec.read_sealed(data) for data in _sealed()]
    clear = Block(1, 1, 0, 0, _PAYLOAD)
    signed = bib_hmac.sign(_SECRET, Block(11, 2, 0, 0, b""), (11, 1), (clear, None), _PRIMARY, wrapped_key=b"w" * 40)
    return (*[one.payload_confidentiality.content for one in sealed], signed.content)


def _confidentiality_blocks() -> tuple[bytes, ...]:
    return _security_blocks()[:-1]


def _integrity_blocks() -> tuple[bytes, ...]:
    return _security_blocks()[-1:]


def _verify_integrity(data: bytes) -> Any:
    blocks = {1: Block(1, 1, 0, 0, _PAYLOAD)}
    return bib_hmac.verify(_SECRET, Block(11, 2, 0, 0, data), blocks, _PRIMARY)


def _same_hashes(data: bytes, _: Any, whole: tuple[bytes, ...]) -> bool:
    """The wrapped key is not covered; the hashes are, and what they say."""
    read = asb.decode_security
    return [(s.targets, s.results) for s in map(read, whole)] == [(read(data).targets, read(data).results)]


def _signed_acks() -> tuple[bytes, ...]:
    by = signer("hmac-sha256", _SECRET)
    made = []
    for size in (3, 300):
        stream, root = StreamId(7, 0xABCDEF), hashlib.sha256(bytes(size)).digest()
        audit = by.sign(messages.audit_part(stream, size, root))
        ack = messages.Ack(stream, size, root, (root, root), 2, ((5, 6), (9, 11)), 12, 10**15, 1, size, audit)
        made.append(messages.encode(ack._replace(signature=by.sign(messages.signed_part(ack)))))
    return tuple(made)


def _read_signed_ack(data: bytes) -> Any:
    ack = messages.decode(data)
    if not isinstance(ack, messages.Ack) or problem_with_signatures(ack, _BY, _BY) is not None:
        raise UnsignedError
    return ack


# ------------------------------------------------------------ the medium


def _whole_prefix(data: bytes, value: Any, _: tuple[bytes, ...]) -> bool:
    entries, end = value
    return b"".join(journal.encode_entry(entry.kind, entry.payload) for entry in entries) == data[:end]


def _alarm_states() -> tuple[bytes, ...]:
    snapshot = journal.decode_snapshot(specimens.entries(journal.SNAPSHOT)[-1])
    found = {state.rules for state in snapshot.streams if len(state.rules) > 9}
    assert found
    return tuple(sorted(found))


@cache
def _watch() -> Watch:
    scenario = parse_scenario(specimens.SCENARIO, "s")
    assert isinstance(scenario, HabitatScenario)
    return watch_of(scenario, "vitals_monitor", 1, 20_000_000)


def _restored_rules(data: bytes) -> AlarmRules:
    rules = AlarmRules(_watch())
    rules.restore(data)
    return rules


def _boards() -> tuple[bytes, ...]:
    snapshots = [journal.decode_snapshot(data) for data in specimens.entries(journal.SNAPSHOT)]
    return tuple(
        {snapshot.board for snapshot in snapshots} | {b"\x81\x82\x84\x01\x02\x03\x61x\x86\x03\x00\xf4\xf5\xf4\xf4"}
    )


def _restored_board(data: bytes) -> AlarmBoard:
    board = AlarmBoard(60_000_000)
    board.restore(data)
    return board


# ------------------------------------------------------------ files


def _run_file(name: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: (specimens.file_of_run(name),)


def _constant(*data: bytes) -> Callable[[], tuple[bytes, ...]]:
    return lambda: data


def _read_campaign(path: Path) -> object:
    return open_findings(path.parent, parse_scenario(specimens.SCENARIO))


def _read_store(path: Path) -> Any:
    with open_store(path.parent) as store:
        streams = store.streams()
        rows = [(store.head(one), store.attestation(one), list(store.rows(one))) for one in streams]
        closings = [store.closings(one.device) for one in streams]
        return rows, closings, store.misnamed(), store.alerts(), store.checkpoints()


def _read_table(path: Path) -> Any:
    return Result(path.parent.parent, None).tables["records"]  # type: ignore[arg-type]


def _result_again(_: bytes, value: Result, __: tuple[bytes, ...]) -> bool:
    document = value.document
    return type(document).model_validate_json(document.model_dump_json()) == document


def _overridden(data: bytes, folder: Path) -> Any:
    base = folder / "base.yaml"
    base.write_text(specimens.SCENARIO, encoding="utf-8")
    return load_scenario(base, [data.decode("utf-8", "surrogateescape")])


def _extending(path: Path) -> Any:
    (path.parent / "base.yaml").write_text(specimens.SCENARIO, encoding="utf-8")
    return load_scenario(path)


def _csv_again(_: bytes, value: Any, __: tuple[bytes, ...]) -> bool:
    """The CSV says all that its reader keeps."""
    return read_csv(to_csv(value.plan)).plan.contacts == value.plan.contacts


def _whole_again(write: Callable[..., Any], read: Callable[[str], Any]) -> Holds:
    """Written once, a plan has lost what the format cannot say; from then on it stays."""

    def holds(_: bytes, value: Any, __: tuple[bytes, ...]) -> bool:
        try:
            text = write(value.plan, number_nodes(value.plan), specimens.START_US).text
        except ValueError:  # a contact before the reference, or later than the format can say
            return True
        plan = read(text).plan
        return bool(read(write(plan, number_nodes(plan), specimens.START_US).text).plan.contacts == plan.contacts)

    return holds


def _hdtn_with(**changes: Any) -> bytes:
    """The specimen with one contact changed."""
    document = json.loads(specimens.PLANS["hdtn"])
    document["contacts"][0] |= changes
    return json.dumps(document).encode()


_DEEP: Final = (b"a." * 5_000 + b"a=1", b"faults." + b"9" * 5_000 + b"=1", b"faults.\xd9\xa1=1")
_HDTN_BOMBS: Final = (
    b'{"nodeNames": {"' + b"9" * 5_000 + b'": "x"}, "contacts": []}',
    '{"nodeNames": {"\u0663": "x"}, "contacts": []}'.encode(),
    _hdtn_with(rate=10**4_299),
    _hdtn_with(owlt=10**4_299, rateBitsPerSec=10**4_299),
    _hdtn_with(owlt=-(10**4_299)),
    b'{"contacts":[' + b",".join([b'{"contacts":[1]}'] * 3_000) + b"]}",
)
_ION_BOMBS: Final = (
    b"".join(b"# node %d is n%d\n" % (n, n) for n in range(1, 20_000)),
    b"# reference +0 is 2033/03/10-10:00:00\n"
    + b"".join(
        b"a contact +%d +%d 1 2 8000\na range +%d +%d 1 2 5\n" % (n, n + 1, n, n + 1) for n in range(0, 8_000, 2)
    )
    + b"c contact +7998 1 2 5\nd contact +9 1 2\n" * 500,
)

PARSERS: Final[tuple[Parser, ...]] = (
    Parser("frame", pure(_read_frame), (frame.FrameError,), "cbor", specimens.frames, anything),
    Parser("signed frame", pure(_read_signed_frame), (frame.FrameError, UnsignedError), "cbor", _signed_frames,
           original),
    Parser("samples", pure(frame.decode_samples), (frame.FrameError,), "cbor", _bodies(1),
           canonical(frame.encode_samples)),
    Parser(
        "closing", pure(frame.decode_closing), (frame.FrameError,), "cbor", _bodies(2),
        canonical(lambda closing: frame.encode_closing(*closing)),
    ),
    Parser("alert", pure(frame.decode_alert), (frame.FrameError,), "cbor", _bodies(3), canonical(frame.encode_alert)),
    Parser("CBOR, read by the auditor's own code", pure(independent.load_cbor), (independent.MalformedError,), "cbor",
           lambda: (*_bodies(1)(), *_bodies(3)()), canonical(cbor2.dumps)),
    Parser("archived cosignatures", pure(cosignatures), (), "cbor", _archived, anything),
    Parser("frame, read by the auditor's own code", pure(_read_as_auditor), (independent.MalformedError,), "cbor",
           specimens.frames, anything),
    Parser("bundle", pure(bundle.decode), (BundleError,), "cbor", _bundles, stable(bundle.encode, bundle.decode)),
    Parser("bundle passed on", pure(bundle.forward), (BundleError,), "cbor", _bundles, anything),
    Parser("primary block", pure(_read_primary), (BundleError,), "cbor", _primaries, canonical(_write_primary)),
    Parser("canonical block", pure(_read_block), (BundleError,), "cbor", _blocks, canonical(encode_block)),
    Parser("protected bundle", pure(_open_sealed), (BundleError,), "cbor", _sealed, _payload_unchanged),
    Parser("security block", pure(asb.decode_security), (BundleError,), "cbor", _security_blocks,
           canonical(asb.encode_security)),
    Parser("integrity block", pure(_verify_integrity), (BundleError,), "cbor", _integrity_blocks, _same_hashes),
    Parser("confidentiality block", pure(bcb_gcm.decode), (BundleError,), "cbor", _confidentiality_blocks,
           stable(bcb_gcm.encode, bcb_gcm.decode)),
    Parser("message", pure(messages.decode), (messages.MessageError,), "cbor", specimens.all_messages,
           canonical(messages.encode), few=300),
    Parser("signed ack", pure(_read_signed_ack), (messages.MessageError, UnsignedError), "cbor", _signed_acks,
           original),
    # the medium
    Parser("journal", pure(journal.scan), (), "binary", lambda: (specimens.kept().journal[:2_000],), _whole_prefix),
    Parser("snapshot", pure(journal.decode_snapshot), (journal.JournalError,), "cbor",
           lambda: specimens.entries(journal.SNAPSHOT), canonical(journal.encode_snapshot)),
    Parser("what was witnessed", pure(journal.decode_witnessed), (journal.JournalError,), "cbor",
           lambda: specimens.entries(journal.WITNESSED), canonical(journal.encode_witnessed)),
    Parser("state of alarm rules", pure(_restored_rules), (ValueError,), "cbor", _alarm_states,
           canonical(AlarmRules.snapshot)),
    Parser("alarm board", pure(_restored_board), (ValueError,), "cbor", _boards, canonical(AlarmBoard.snapshot)),
    # files
    Parser("Earth's store", in_file("earth.sqlite", _read_store), (ScenarioError,), "binary", _run_file("earth.sqlite"),
           anything, few=40),
    Parser("registry", in_file("registry.json", lambda path: load_registry(path.parent)), (ScenarioError,), "json",
           _run_file("registry.json"), anything),
    Parser("persons", in_file("mars/persons.json", lambda path: load_persons(path.parent.parent)), (ScenarioError,),
           "json", _run_file("mars/persons.json"), anything),
    Parser("result", in_file("result.json", lambda path: Result.load(path.parent)), (ResultError,), "json",
           _run_file("result.json"), _result_again),
    Parser("table of a run", in_file("tables/records.parquet", _read_table), (ResultError,), "binary",
           _run_file("tables/records.parquet"), anything),
    Parser("campaign", in_file("campaign.json", _read_campaign), (ScenarioError,), "json",
           lambda: (specimens.campaign_state(),), anything),
    Parser("scenario", text(parse_scenario), (ScenarioError,), "yaml", _constant(specimens.SCENARIO.encode()), anything,
           memory=512, few=60),
    Parser("scenario's file", in_file("fire/s.yaml", read_document), (ScenarioError,), "yaml",
           _constant(specimens.SCENARIO.encode()), anything, memory=512, few=60),
    Parser("scenario that extends another", in_file("fire/s.yaml", _extending), (ScenarioError,), "yaml",
           _constant(b"extends: base.yaml\nseed: 4\nhabitat: {crew: 2}\n"), anything, memory=512, few=60),
    Parser("override", _overridden, (ScenarioError,), "yaml",
           _constant(b"habitat.devices.0.sample_period=10 s", b"faults[1].at=3 min", b"guarantees=[durability]"),
           anything, bombs=_DEEP, memory=512, few=60),
    Parser("duration", text(lambda value: parse_quantity(value, DURATION)), (QuantityError,), "lines",
           _constant(b"1.5 h", b"24 min", b"3 sol"), anything),
    Parser("instant", text(parse_instant), (RuleError,), "lines",
           _constant(b"2033-03-10T09:00:00Z", b"2033-03-10 09:00:00.123456+02:00"), anything),
    Parser("recording", in_file("r.csv", lambda path: read_recording(path, CHANNELS)), (ScenarioError,), "lines",
           _constant(specimens.RECORDING), anything),
    Parser("plan of ION", text(read_ion), (PlanFileError,), "lines", _constant(specimens.PLANS["ion"]),
           _whole_again(to_ion, read_ion), bombs=_ION_BOMBS),
    Parser("plan of HDTN", text(read_hdtn), (PlanFileError,), "json", _constant(specimens.PLANS["hdtn"]),
           _whole_again(to_hdtn, read_hdtn), bombs=_HDTN_BOMBS),
    Parser("plan as CSV", text(read_csv), (PlanFileError,), "lines", _constant(specimens.PLANS["csv"]), _csv_again),
    Parser("orbit in KVN", in_file("o.oem", read_oem), (OemError,), "lines", _constant(specimens.OEM_KVN), anything),
    Parser("orbit in XML", in_file("o.oem", read_oem), (OemError,), "xml", lambda: (specimens.oem_xml(),), anything),
)  # fmt: skip
"""Every parser; the kernel's stands in `tests/kernel`, where one file of a megabyte serves all."""
