"""What a fact of machines or host says about the subject of a story, as a note beside the party that it is about."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from twin.experiments.story.letters import MAIN, MINOR, SIDE, Said, rows
from twin.experiments.story.subject import Subject
from twin.pipeline import facts
from twin.pipeline.wire.identity import RecordId
from twin.trace import (
    AcknowledgementNoted,
    AlarmSounded,
    AlertStored,
    HeadVisible,
    MadeDurable,
    MediumHolds,
    ReaderSaw,
    RowRotted,
    StoreRestored,
    SurgeonTold,
)

TABLE: Final = "table"


class Note(NamedTuple):
    """A step beside a party."""

    party: str
    said: Said


NOTED: Final[tuple[type[Any], ...]] = (
    facts.FrameSealed,
    facts.EpochClosed,
    facts.Adopted,
    facts.HeadSigned,
    facts.HeadCosigned,
    facts.WitnessRefused,
    facts.Attested,
    facts.AckMade,
    facts.AckLearned,
    facts.Trimmed,
    facts.RootMismatch,
    facts.AlarmRaised,
    facts.AlertSealed,
    facts.AlertActedOn,
    facts.ReceiptLearned,
    facts.PayloadOffered,
    facts.PayloadDelivered,
    MadeDurable,
    MediumHolds,
    AlarmSounded,
    AlertStored,
    SurgeonTold,
    AcknowledgementNoted,
    RowRotted,
    StoreRestored,
    HeadVisible,
    ReaderSaw,
)
"""The facts that may be told."""


def note_of(node: str, fact: Any, subject: Subject) -> Note | None:
    """The note of a fact, None if it does not concern the subject."""
    said = _of_streams(fact, subject) or _of_alerts(fact, subject)
    return None if said is None else Note(TABLE if isinstance(fact, HeadVisible | ReaderSaw) else node, said)


def _of_streams(fact: Any, subject: Subject) -> Said | None:
    match fact:
        case facts.FrameSealed(record):
            return Said(f"signs record {record.index}", "signatures", MAIN) if record in subject.follows else None
        case facts.EpochClosed(record, _, reason):
            return Said(f"closes the epoch ({reason})", "closings") if subject.is_stream(record) else None
        case MadeDurable(records):
            found = any(RecordId(*record) in subject.follows for record in records)
            return Said(f"record {subject.index} is on disk", "writes to disk", MAIN) if found else None
        case MediumHolds(streams):
            if subject.stream is None:
                return None
            sizes = [size for device, epoch, size in streams if subject.is_stream((device, epoch))]
            return Said(f"medium now holds {sizes[0] if sizes else 0} records of it", "media", MAIN)
        case facts.Adopted(stream, size):
            return Said(f"takes it up at {size}", "take-ups", MAIN) if subject.is_stream(stream) else None
        case facts.HeadSigned(stream, previous, size, _, _):
            whole = subject.index is None and subject.is_stream(stream)
            return Said(f"signs head of {size} after {previous}", "signed heads", MAIN) if whole else None
        case facts.HeadCosigned(author, stream, size, _):
            whole = subject.index is None and subject.is_stream(stream)
            return Said(f"cosigns {author}'s head of {size}", "cosigned heads", MAIN) if whole else None
        case facts.WitnessRefused(author, stream, size):
            refused = subject.is_stream(stream)
            return Said(f"refuses {author}'s head of {size}", "refused heads", MAIN) if refused else None
        case facts.Attested(stream, size, _):
            return Said(f"has read {rows(size)} back", "audits") if subject.reaches(stream, size) else None
        case facts.AckMade(stream, verified, trim, _, _, _):
            said = Said(f"states: verified {verified}, backed up {trim}", "stated acks")
            return said if subject.reaches(stream, max(verified, trim)) else None
        case facts.AckLearned(stream, verified, trim, _):
            said = Said(f"knows: verified {verified}, backed up {trim}", "learned acks")
            return said if subject.reaches(stream, max(verified, trim)) else None
        case facts.Trimmed(stream, below):
            it = subject.index is None or below > subject.index
            said = Said(f"deletes below {below}", "deletions", MAIN if it else MINOR)
            return said if subject.reaches(stream, below) else None
        case facts.RootMismatch(stream, size):
            return Said(f"own root of {size} is another", "mismatches", MAIN) if subject.is_stream(stream) else None
        case HeadVisible(stream, size, term):
            said = Said(f"{rows(size)} visible (term {term})", "moves of the head")
            return said if subject.reaches(stream, size) else None
        case ReaderSaw(_, stream, term, size):
            said = Said(f"a reader sees {rows(size)} (term {term})", "readers", MINOR)
            return said if subject.reaches(stream, size) else None
        case RowRotted(store, record, _, gone):
            said = Said(f"{store}: row {record[2]} {'vanishes' if gone else 'rots'}", "rotten rows", MAIN)
            return said if RecordId(*record) in subject.follows else None
        case StoreRestored(streams):
            sizes = [size for device, epoch, size in streams if subject.is_stream((device, epoch))]
            said = Said(f"set up anew with {rows(sizes[0] if sizes else 0)} of it", "restores", MAIN)
            return said if subject.stream is not None else None
        case facts.PayloadOffered(record, _) | facts.PayloadDelivered(record, _):
            verb = "takes" if isinstance(fact, facts.PayloadOffered) else "delivers"
            return Said(f"{verb} payload {record[2]}", "payloads", MAIN) if _among(record, subject) else None
        case _:
            return None


def _among(record: tuple[int, int, int], subject: Subject) -> bool:
    return RecordId(*record) in subject.follows


def _of_alerts(fact: Any, subject: Subject) -> Said | None:
    if not subject.is_alert(getattr(fact, "alert", None)):
        return None
    match fact:
        case facts.AlarmRaised():
            return Said("finds that the rule holds", "alarms", MAIN)
        case facts.AlertSealed(_, record):
            subject.follows.add(record)
            return Said(f"signs the alert as record {record.index}", "alerts", MAIN)
        case AlarmSounded(_, _, state):
            return Said(f"alarm: {state}", "alarms", MAIN if state == "active" else MINOR)
        case AlertStored(_, repeated):
            return Said("alert stored again" if repeated else "alert stored", "stored alerts", MAIN)
        case facts.AlertActedOn(_, is_new):
            return Said("alert is new" if is_new else "alert is known", "alerts", SIDE)
        case SurgeonTold(_, times):
            return Said("hears of it" if times == 1 else f"hears of it, time {times}", "messages to the surgeon", MAIN)
        case AcknowledgementNoted():
            return Said("has acknowledged", "acknowledgements")
        case facts.ReceiptLearned():
            return Said("knows that the surgeon knows", "receipts")
        case _:
            return None
