"""`twin verify`: everything in Earth's store against everything else in it, from the registry's keys alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.run_registry import RunRegistry, load_registry
from twin.verify.findings import Findings
from twin.verify.frames import StreamKey
from twin.verify.ledger import Counts, KeptCheckpoint, Keys, check_counts, check_heads, count, read_ledger
from twin.verify.signatures import EpochKeys, Key, follow_rotations
from twin.verify.store import BrokenStoreError, EarthStore, open_store
from twin.verify.streams import HashedStream, check_stream

AlertFrames = dict[tuple[int, int, int, str], list[bytes]]


@dataclass
class Verification:
    """What was read and what was found."""

    findings: Findings
    counts: dict[StreamKey, Counts]
    checkpoints: list[KeptCheckpoint]


def verify_run(run_dir: Path) -> Verification:
    """Verify a run's store; one that is damaged as a file is a finding and nothing more.

    Raises:
        ScenarioError: there is nothing to verify: no run, no store, no registry.
    """
    try:
        with open_store(run_dir) as store:
            return verify_store(store, load_registry(run_dir))
    except BrokenStoreError as error:
        findings = Findings()
        findings.look("store")
        findings.fail("store", error.place, f"{error.rule}; {error.remedy}")
        return Verification(findings, {}, [])


def keys_of(store: EarthStore, registry: RunRegistry, device: int) -> EpochKeys | None:
    """The keys of a device's epochs, None if it is not registered."""
    registered = registry.signers().get(device)
    return None if registered is None else follow_rotations(Key.of(registered), store.closings(device))


def verify_store(store: EarthStore, registry: RunRegistry) -> Verification:
    """Rows, then streams, then checkpoints, then what joins them."""
    findings = Findings()
    findings.look("store")  # `open_store` has read it whole
    for table, device, epoch in store.misnamed():
        findings.fail("rows", f"{table} dev-{device}/ep-{epoch}", "no device and epoch of 16 hexadecimal digits")
    auditor = Key.of(registry.auditor.key)
    streams: dict[StreamKey, HashedStream] = {}
    alerts: AlertFrames = {}
    keys: dict[int, EpochKeys | None] = {}
    for stream in store.streams():
        if stream.device not in keys:
            keys[stream.device] = keys_of(store, registry, stream.device)
        streams[stream], raised = check_stream(store, stream, keys[stream.device], auditor, findings)
        for key, frames in raised.items():
            alerts.setdefault(key, []).extend(frames)
    _check_alerts(store, alerts, findings)
    kept = read_ledger(store, Keys.of(registry), findings)
    check_heads(kept, streams, findings)
    counts = count(kept, streams)
    check_counts(counts, findings)
    return Verification(findings, counts, kept)


def _check_alerts(
    store: EarthStore, raised: Mapping[tuple[int, int, int, str], list[bytes]], findings: Findings
) -> None:
    """The alert table against the alert frames of all streams, both ways."""
    if not store.has_alerts:
        if raised:
            findings.fail("alerts", store.path.name, f"{len(raised)} alerts were raised, and there is no alert table")
        return
    stood = set()
    for alert in store.alerts():
        findings.look("alerts")
        where = f"{alert.stream}/{alert.index}/{alert.rule}"
        if alert.key in stood:
            findings.fail("alerts", where, "stands twice")
        stood.add(alert.key)
        if alert.key not in raised:
            findings.fail("alerts", where, "no edge's frame raises it")
        elif alert.frame not in raised[alert.key]:
            findings.fail("alerts", where, "its frame is not one that an edge signed")
    for device, epoch, index, rule in sorted(raised.keys() - stood):
        findings.look("alerts")
        findings.fail("alerts", f"{StreamKey(device, epoch)}/{index}/{rule}", "an edge raised it, the table lacks it")
