"""Valid specimens of everything that the twin reads from outside, made by those who write it.

One small run of a habitat gives messages, frames, journals, bundles and the run's folder; writers of plans, results and
campaigns give theirs. Recordings and orbits come from other houses: those are written out here.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from twin.experiments.mission import Roles
from twin.experiments.outcome import write_result
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.hunt.findings import Found, open_findings
from twin.hunt.trial import Broken
from twin.network.formats import number_nodes, to_csv, to_hdtn, to_ion
from twin.pipeline.ledger import journal
from twin.pipeline.machine import Append, Effect, Event, Received, Send, Transmit
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.wire import messages
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.scenario import parse_scenario
from twin.world.timescales import utc_to_us

SCENARIO: Final = """\
name: under-fire
description: Twenty minutes in which everything is said once.
start: 2033-03-10T09:00:00Z
duration: 20 min
seed: 3
habitat:
  site: jezero
  crew: 1
  devices:
    - {kind: vitals_monitor, sample_period: 20 s, frame_period: 60 s}
  edge_nodes: 2
network: {stations: [DSS-14, DSS-43, DSS-63]}
pipeline: {suite: hmac-sha256, checkpoint_period: 2 min, backup_period: 5 min}
episodes: [{kind: hypoxia, crew: 1, at: 2 min, for: 10 min}]
faults:
  - {kind: device_key_rotation, device: vitals-1, at: 5 min}
  - {kind: edge_crash, node: edge-1, at: 14 min, down: 1 min}
guarantees:
  - durability
  - integrity: {bound: 2 owlt + 2 contact_wait + 4 R + 1 h}
"""


class Kept(NamedTuple):
    """What a run's nodes said and wrote, and its folder."""

    folder: Path
    datagrams: tuple[bytes, ...]
    bundles: tuple[bytes, ...]
    journal: bytes


@cache
def kept() -> Kept:
    """The run, once a process."""
    folder = Path(tempfile.mkdtemp(prefix="under-fire-")) / "run"
    folder.mkdir()
    datagrams: dict[bytes, None] = {}
    bundles: dict[bytes, None] = {}
    appended: list[bytes] = []

    def observe(node: str, event: Event, _: int, effects: list[Effect]) -> None:
        for said in (event, *effects):
            if isinstance(said, Received | Send):
                datagrams[said.data] = None
            elif isinstance(said, Transmit):
                bundles[said.data] = None
            elif isinstance(said, Append) and node == "edge-1":
                appended.append(said.data)

    scenario = parse_scenario(SCENARIO, "under-fire.yaml")
    mission = prepare(scenario, folder, Roles(), observe)
    write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), folder, {})
    return Kept(folder, tuple(datagrams), tuple(bundles), b"".join(appended))


_STREAM: Final = StreamId(7, 0xABCDEF)
_ALERT: Final = AlertKey(7, 0xABCDEF, 3, "spo2_low")
_UNSAID: Final = (
    messages.MismatchNotice(_STREAM, 5, bytes(32)),
    messages.RowsWrong(_STREAM, (1, 300), "backup"),
    messages.FlowAck(1, 70_000, 0xFFFFFFFF, 3, bytes(32)),
    messages.Receipt(_ALERT, -5, bytes(32)),
    messages.ReceiptsTaken((_ALERT, _ALERT._replace(index=4))),
    messages.KeyNotice(2, bytes(8)),
    messages.LookAgain(_STREAM, (1, 2), "table"),
    messages.Frames((b"a frame", b"another")),
    messages.Acks((b"an ack",), (b"a cosignature",), ()),
)
"""Messages that the run says inside bundles, or not at all."""


@cache
def all_messages() -> tuple[bytes, ...]:
    """One message of every code."""
    found = {type(messages.decode(data)): data for data in kept().datagrams}
    for data in list(found.values()):
        message = messages.decode(data)
        if isinstance(message, messages.CheckpointOffer):
            found[messages.Checkpoint] = message.checkpoint
    found |= {type(message): messages.encode(message) for message in _UNSAID}
    missing = {kind for kind, _ in messages.CODES.values()} - set(found)
    assert not missing, f"no specimen of {missing}"
    return tuple(found.values())


@cache
def frames() -> tuple[bytes, ...]:
    """Frames of samples, a closing one, and an alert."""
    entries, _ = journal.scan(kept().journal)
    by_kind = {entry.payload[7]: entry.payload for entry in entries if entry.kind == journal.FRAME}
    assert sorted(by_kind) == [1, 2, 3], "the run must write every kind of frame"
    return tuple(by_kind.values())


@cache
def entries(kind: int) -> tuple[bytes, ...]:
    """Payloads of the journal's entries of one kind, the first and the last."""
    found = [entry.payload for entry in journal.scan(kept().journal)[0] if entry.kind == kind]
    assert found, f"no entry of kind {kind}"
    return found[0], found[-1]


def file_of_run(name: str) -> bytes:
    """A file of the run's folder."""
    return (kept().folder / name).read_bytes()


START_US: Final = utc_to_us("2033-03-10T10:00:00Z")


def _contact(start_s: int, end_s: int, owlt_us: int, *pair: str) -> Contact:
    start_us = START_US + start_s * 1_000_000
    return Contact(*pair, start_us, START_US + end_s * 1_000_000, 80_000, ((start_us, owlt_us),), "DSS-14")


PLAN: Final = ContactPlan(
    [
        _contact(0, 60, 600_500_000, "habitat", "earth"),
        _contact(70, 130, 601_500_000, "habitat", "earth"),
        _contact(20, 90, 599_500_000, "earth", "habitat"),
    ]
)
NODES: Final = number_nodes(PLAN)
PLANS: Final[dict[str, bytes]] = {
    "ion": to_ion(PLAN, NODES, START_US).text.encode(),
    "hdtn": to_hdtn(PLAN, NODES, START_US).text.encode(),
    "csv": to_csv(PLAN, "under-fire").encode(),
}

RECORDING: Final = (
    b"time [s],heart_rate_bpm [/min],spo2_pct [%],temperature_ddegc [[degF]]\n"
    b"0,72,98,98.6\n1,72,,98.6\n2.5,71,97,98.4\n"
)
OEM_KVN: Final = b"""\
CCSDS_OEM_VERS = 2.0
CREATION_DATE = 2033-03-09T12:00:00
ORIGINATOR = TEST
META_START
OBJECT_NAME = MRO-LIKE
OBJECT_ID = 2033-001A
CENTER_NAME = MARS
REF_FRAME = ICRF
TIME_SYSTEM = UTC
START_TIME = 2033-03-10T00:00:00
STOP_TIME = 2033-069T00:02:00
INTERPOLATION = HERMITE
INTERPOLATION_DEGREE = 3
META_STOP
COMMENT states
2033-03-10T00:00:00.000 3600.0 0.0 0.0 0.0 3.45 0.0
2033-03-10T00:01:00.000 3594.05 206.9 0.0 -0.1983 3.4443 0.0
2033-03-10T00:02:00.000 3576.2 413.1 0.0 -0.3959 3.4272 0.0
COVARIANCE_START
EPOCH = 2033-03-10T00:00:00
1.0e-6
COVARIANCE_STOP
"""


def oem_xml() -> bytes:
    """The same message in XML."""
    head, metadata, states = [], [], []
    tags = ("EPOCH", "X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
    for line in OEM_KVN.decode().splitlines()[1:18]:
        keyword, equals, value = line.partition(" = ")
        if equals:
            (metadata if head and keyword not in ("CREATION_DATE", "ORIGINATOR") else head).append(
                f"<{keyword}>{value}</{keyword}>"
            )
        elif line[0].isdigit():
            words = zip(tags, line.split(), strict=True)
            states.append("<stateVector>" + "".join(f"<{tag}>{word}</{tag}>" for tag, word in words) + "</stateVector>")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<oem id="CCSDS_OEM_VERS" version="2.0">\n'
        f"<header>{''.join(head)}</header>\n<body><segment>\n<metadata>{''.join(metadata)}</metadata>\n"
        f"<data>\n{''.join(states)}\n</data>\n</segment></body>\n</oem>\n"
    ).encode()


@cache
def campaign_state() -> bytes:
    """What a hunt leaves of how far it came."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    broken = Broken(*["no_loss"] * len(Broken._fields))
    state = open_findings(folder, parse_scenario(SCENARIO))
    state.done, state.refused = 3, {4: "storage of 1 B on edge-1"}
    state.found.append(Found(3, broken, 5, 1, 17, "seed-3.smallest.yaml", True))
    state.save()
    return (folder / "campaign.json").read_bytes()
