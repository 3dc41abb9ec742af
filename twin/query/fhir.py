"""An answer as one FHIR R4 Bundle: Observations, the Devices that took them, and a Provenance for each signed frame.

Vital signs follow the profiles of the base specification (R4, "Vital Signs"): each has the one LOINC code that its
profile demands, beside the catalogue's own LOINC and MDC codes; systolic and diastolic pressure are components of one
panel. What has no profile is an Observation with the codes that the catalogue knows. The subject is the pseudonym
that the frame carries, never a name. A value that no sensor had is `dataAbsentReason` unknown: the frame says that
there was none, not why. Frames that are broken are left out; a Bundle without any is empty.

The Provenance of a frame holds the signatures of device, auditor, edge and witnesses over it, and as an extension
all that is needed to check them: leaf hash, index, tree sizes, inclusion paths, roots and the checkpoint.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

from twin.channels import ACVPU, CHANNELS, VITALS, Channel
from twin.query.metrics import BLOOD_PRESSURE
from twin.query.readings import Answer, ProvedFrame, Reading
from twin.scenario.instants import format_instant
from twin.verify.proof import BROKEN, Inclusion, Proof

URN: Final = "urn:x-mars-iomt-twin"
LOINC: Final = "http://loinc.org"
MDC: Final = "urn:iso:std:iso:11073:10101"
UCUM: Final = "http://unitsofmeasure.org"
_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_AGENT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_SIGNATURE: Final = "urn:iso-astm:E1762-95:2013"
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, URN)

# FHIR R4, "Vital Signs Profile": profile and the LOINC code that it demands
_VITAL_SIGNS: Final = {
    "heart_rate_bpm": ("heartrate", "8867-4"),
    "respiration_rpm": ("resprate", "9279-1"),
    "spo2_pct": ("oxygensat", "2708-6"),
    "temperature_ddegc": ("bodytemp", "8310-5"),
}
_PERSONAL: Final = frozenset(VITALS)
_PANEL: Final = ("bp", "85354-9")
_CATEGORIES: Final = {"consciousness_acvpu": "exam", "oxygen_flow_dlpm": "therapy", "activity_mg": "activity"}
# ISO/IEEE 11073-10101 knows the monitor, no device for a cabin's air
_DEVICE_TYPES: Final = {"vitals_monitor": ("69965", "MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS")}
# ASTM E1762-95 purposes of a signature
_AUTHOR, _VERIFICATION, _WITNESS = "1.2.840.10065.1.12.1.1", "1.2.840.10065.1.12.1.5", "1.2.840.10065.1.12.1.8"


def as_bundle(answer: Answer) -> dict[str, Any]:
    """The Bundle (type collection), ready for JSON."""
    entries = [(_urn(_pseudonym(device.device)), _device(device.device, device.kind)) for device in answer.devices]
    for frame in answer.frames:
        if frame.proof.state == BROKEN:
            continue
        observations = list(_observations(frame))
        entries += observations
        targets = [full_url for full_url, _ in observations]
        entries.append((_urn(f"{frame.proof.record}/provenance"), _provenance(frame.proof, targets, answer.auditor)))
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
    if len(entries) == len(answer.devices):
        return bundle  # no reading was taken by them; an empty array is no FHIR (R4, "JSON Representation")
    return bundle | {"entry": [{"fullUrl": full_url, "resource": resource} for full_url, resource in entries]}


def _urn(name: str) -> str:
    """The same name gives the same UUID in every export."""
    return f"urn:uuid:{uuid.uuid5(_SPACE, name)}"


def _pseudonym(device: int) -> str:
    return f"dev-{device:016x}"


def _coded(system: str, code: str, display: str = "") -> dict[str, Any]:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def _device(device: int, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Device",
        "identifier": [{"system": f"{URN}:device", "value": _pseudonym(device)}],
        "status": "active",
        "type": {"text": kind},
    }
    if kind in _DEVICE_TYPES:
        found["type"]["coding"] = [_coded(MDC, *_DEVICE_TYPES[kind])]
    return found


# ------------------------------------------------------------ observations


def _observations(frame: ProvedFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    by_sample: dict[int, list[Reading]] = {}
    for reading in frame.readings:
        by_sample.setdefault(reading.k, []).append(reading)
    for readings in by_sample.values():
        pressures = [reading for reading in readings if reading.channel.name in BLOOD_PRESSURE]
        for reading in readings:
            if reading not in pressures:
                yield _urn(f"{reading.address}/{reading.channel.name}"), _single(reading)
        if pressures:
            yield _urn(f"{pressures[0].address}/blood_pressure"), _panel(pressures)


def _single(reading: Reading) -> dict[str, Any]:
    channel = reading.channel
    found = _common(reading, channel.name)
    codes = []
    if channel.name in _VITAL_SIGNS:
        profile, demanded = _VITAL_SIGNS[channel.name]
        _make_vital_sign(found, profile)
        codes = [_coded(LOINC, demanded)]
    elif channel.name in _CATEGORIES:
        found["category"] = [{"coding": [_coded(_CATEGORY, _CATEGORIES[channel.name])]}]
    codes += [code for code in _codes(channel) if code["code"] not in {known["code"] for known in codes}]
    found["code"] = {"coding": codes, "text": channel.label}
    return found | _valued(channel, reading)


def _panel(pressures: list[Reading]) -> dict[str, Any]:
    """Both pressures, as the profile demands; one that the device has no column for is `unsupported`."""
    found = _common(pressures[0], "blood_pressure")
    profile, demanded = _PANEL
    _make_vital_sign(found, profile)
    found["code"] = {"coding": [_coded(LOINC, demanded)], "text": "Blood pressure"}
    read = {reading.channel.name: reading for reading in pressures}
    found["component"] = []
    for name in BLOOD_PRESSURE:
        channel = CHANNELS[name]
        code = {"coding": _codes(channel), "text": channel.label}
        value = _valued(channel, read[name]) if name in read else _absent("unsupported")
        found["component"].append({"code": code, **value})
    return found


def _common(reading: Reading, metric: str) -> dict[str, Any]:
    pseudonym = _pseudonym(reading.proof.stream.device)
    vital = reading.channel.name in _PERSONAL
    return {
        "resourceType": "Observation",
        "meta": {"tag": [_coded(f"{URN}:state", reading.proof.state)]},
        "identifier": [{"system": f"{URN}:sample", "value": f"{reading.address}/{metric}"}],
        "status": "final",
        "subject": {
            "type": "Patient" if vital else "Location",
            "identifier": {"system": f"{URN}:subject", "value": pseudonym},
        },
        "effectiveDateTime": format_instant(reading.instant_us),
        "device": {"reference": _urn(pseudonym)},
    }


def _make_vital_sign(observation: dict[str, Any], profile: str) -> None:
    observation["meta"]["profile"] = [f"{_PROFILE}/vitalsigns", f"{_PROFILE}/{profile}"]
    observation["category"] = [{"coding": [_coded(_CATEGORY, "vital-signs")]}]


def _codes(channel: Channel) -> list[dict[str, Any]]:
    """LOINC and MDC as far as they exist; a channel without either has the name that this system gives it."""
    codes = []
    if channel.loinc is not None:
        codes.append(_coded(LOINC, channel.loinc))
    if channel.mdc is not None:
        codes.append(_coded(MDC, str(channel.mdc[1]), channel.mdc[0]))
    return codes or [_coded(f"{URN}:channel", channel.name)]


def _valued(channel: Channel, reading: Reading) -> dict[str, Any]:
    if reading.value is None:
        return _absent("unknown")
    if channel.name == "consciousness_acvpu":
        level = int(reading.value)
        if not 0 <= level < len(ACVPU):
            return _absent("error")
        return {"valueCodeableConcept": {"coding": [_coded(f"{URN}:acvpu", ACVPU[level])], "text": ACVPU[level]}}
    unit = channel.unit
    return {"valueQuantity": {"value": reading.value, "unit": unit, "system": UCUM, "code": unit}}


def _absent(reason: str) -> dict[str, Any]:
    return {"dataAbsentReason": {"coding": [_coded(_ABSENT, reason)]}}


# ------------------------------------------------------------ provenance


def _provenance(proof: Proof, targets: list[str], auditor: str) -> dict[str, Any]:
    assert proof.frame is not None  # a frame without readings has no observation to speak of
    device = _urn(_pseudonym(proof.stream.device))
    stored = format_instant(proof.stored_us)
    signatures = [
        _signed(_AUTHOR, format_instant(proof.frame.generated_us), {"reference": device}, proof.frame.signature)
    ]
    if proof.attested is not None:
        signatures.append(_signed(_VERIFICATION, stored, _node(auditor), proof.attested[1]))
    if proof.checkpoint is not None:
        statement, cosigns = proof.checkpoint[1].statement, proof.checkpoint[1].cosigns
        made = format_instant(statement.at_us)
        signatures.append(_signed(_VERIFICATION, made, _node(statement.author), statement.signature))
        for witness, cosign in sorted(cosigns.items()):
            signatures.append(_signed(_WITNESS, made, _node(witness), cosign.signature))
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target} for target in targets],
        "recorded": stored,
        "agent": [
            {"type": {"coding": [_coded(_AGENT, "author")]}, "who": {"reference": device}},
            {"type": {"coding": [_coded(_AGENT, "verifier")]}, "who": _node(auditor)},
        ],
        "entity": [
            {
                "role": "source",
                "what": {"identifier": {"system": f"{URN}:record", "value": proof.record}},
            }
        ],
        "signature": signatures,
        "extension": [{"url": f"{URN}:ledger-proof", "extension": list(_ledger_proof(proof))}],
    }


def _signed(purpose: str, when: str, who: dict[str, Any], signature: bytes) -> dict[str, Any]:
    return {"type": [_coded(_SIGNATURE, purpose)], "when": when, "who": who, "data": b64encode(signature).decode()}


def _node(name: str) -> dict[str, Any]:
    return {"type": "Device", "identifier": {"system": f"{URN}:node", "value": name}}


def _ledger_proof(proof: Proof) -> Iterator[dict[str, Any]]:
    yield {"url": "state", "valueCode": proof.state}
    yield _binary("leafHash", proof.leaf)
    yield {"url": "index", "valueUnsignedInt": proof.index}
    if proof.attested is not None:
        inclusion, signature = proof.attested
        yield {"url": "attested", "extension": [*_inclusion(inclusion), _binary("auditorSignature", signature)]}
    if proof.checkpoint is not None:
        inclusion, kept = proof.checkpoint
        parts = [
            {"url": "author", "valueString": kept.statement.author},
            # counters are not bounded by 31 bits, FHIR's integers are
            {"url": "counter", "valueString": str(kept.statement.counter)},
            *_inclusion(inclusion),
            _binary("statement", kept.raw),
            *({"url": "planet", "valueString": planet} for planet in proof.planets),
        ]
        yield {"url": "checkpoint", "extension": parts}


def _inclusion(inclusion: Inclusion) -> list[dict[str, Any]]:
    return [
        {"url": "treeSize", "valueUnsignedInt": inclusion.size},
        _binary("root", inclusion.root),
        *(_binary("inclusionPath", sibling) for sibling in inclusion.path),
    ]


def _binary(url: str, data: bytes) -> dict[str, Any]:
    return {"url": url, "valueBase64Binary": b64encode(data).decode()}
