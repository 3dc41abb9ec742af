"""The FHIR Bundle: read by two FHIR libraries, held against the vital-signs profile, and its proof checked by hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle
from fhirclient.models.bundle import Bundle as R4Bundle
from fhirclient.models.fhirabstractbase import FHIRValidationError
from hand_made_store import (
    FRAME_SAMPLES,
    LEAD_OFF,
    OTHER,
    TWO,
    Made,
    flipped,
    make_run,
    signer,
    tampering,
)
from pydantic import ValidationError
from typer.testing import CliRunner

from twin.channels import CHANNELS, VITALS
from twin.cli import app
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.wire.messages import Checkpoint, audit_part, decode, signed_part
from twin.pipeline.wire.signing import verifier
from twin.query.fhir import as_bundle
from twin.query.readings import read
from twin.verify.tree import is_included

# FHIR R4, section "Vital Signs": profile, LOINC code that it demands, UCUM code that it demands
PROFILES = {
    "heart_rate_bpm": ("heartrate", "8867-4", "/min"),
    "respiration_rpm": ("resprate", "9279-1", "/min"),
    "spo2_pct": ("oxygensat", "2708-6", "%"),
    "temperature_ddegc": ("bodytemp", "8310-5", "Cel"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A sound run that nobody changes."""
    return make_run(tmp_path_factory.mktemp("made") / "run")


def bundle_of(folder: Path, *metrics: str, crew: int = 2) -> dict[str, Any]:
    """The bundle as it leaves the command."""
    words = [word for metric in metrics for word in ("--metric", metric)]
    done = CliRunner().invoke(app, ["query", str(folder), "--crew", str(crew), *words, "--format", "fhir"])
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def codes(concept: dict[str, Any]) -> set[tuple[str, str]]:
    return {(coding["system"], coding["code"]) for coding in concept["coding"]}


def test_two_fhir_libraries_accept_the_bundle_with_every_metric_in_it(made: Made) -> None:
    bundle = bundle_of(made.folder, *VITALS)
    again = Bundle.model_validate(bundle)
    assert len(again.entry) == len(bundle["entry"])
    R4Bundle(bundle, strict=True)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        model = get_fhir_model_class(resource["resourceType"])
        kept = json.loads(model.model_validate(resource).model_dump_json())
        assert kept.keys() == resource.keys()
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} == {"Device", "Observation", "Provenance"}


@pytest.mark.parametrize(
    ("kind", "key"), [("Observation", "status"), ("Observation", "code"), ("Provenance", "recorded")]
)
def test_the_libraries_refuse_a_bundle_that_lacks_what_it_must_have(made: Made, kind: str, key: str) -> None:
    bundle = bundle_of(made.folder, "spo2")
    del resources(bundle, kind)[0][key]
    with pytest.raises(ValidationError):
        Bundle.model_validate(bundle)
    with pytest.raises(FHIRValidationError):
        R4Bundle(bundle, strict=True)


@pytest.mark.parametrize("metric", list(PROFILES))
def test_each_vital_sign_keeps_its_profile(made: Made, metric: str) -> None:
    profile, loinc, unit = PROFILES[metric]
    observations = resources(bundle_of(made.folder, metric), "Observation")
    assert len(observations) == 11 * FRAME_SAMPLES
    for observation in observations:
        base = "http://hl7.org/fhir/StructureDefinition"
        assert observation["meta"]["profile"] == [f"{base}/vitalsigns", f"{base}/{profile}"]
        assert observation["status"] == "final"
        (category,) = observation["category"]
        assert codes(category) == {("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")}
        mdc = CHANNELS[metric].mdc
        assert mdc is not None
        own = CHANNELS[metric].loinc
        assert codes(observation["code"]) == {
            ("http://loinc.org", loinc),
            ("http://loinc.org", own),
            ("urn:iso:std:iso:11073:10101", str(mdc[1])),
        }
        assert observation["subject"]["type"] == "Patient"
        assert ("valueQuantity" in observation) != ("dataAbsentReason" in observation)  # vs-2
        if "valueQuantity" in observation:
            quantity = observation["valueQuantity"]
            assert (quantity["system"], quantity["code"]) == ("http://unitsofmeasure.org", unit)


def test_no_reading_is_data_absent_and_only_there(made: Made) -> None:
    absent = [o for o in resources(bundle_of(made.folder, "spo2"), "Observation") if "dataAbsentReason" in o]
    assert [o["identifier"][0]["value"] for o in absent] == [
        f"{OTHER}/{LEAD_OFF}/{k}/spo2_pct" for k in range(FRAME_SAMPLES)
    ]
    reason = ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")
    assert all(codes(o["dataAbsentReason"]) == {reason} for o in absent)


@pytest.mark.parametrize("metric", ["blood_pressure", "systolic"])
def test_blood_pressure_is_one_panel_with_both_components_whichever_was_asked(made: Made, metric: str) -> None:
    observations = resources(bundle_of(made.folder, metric), "Observation")
    assert len(observations) == 11 * FRAME_SAMPLES
    for observation in observations:
        assert codes(observation["code"]) == {("http://loinc.org", "85354-9")}
        assert observation["meta"]["profile"][1].endswith("/bp")
        assert "valueQuantity" not in observation
        assert [(c["code"]["coding"][0]["code"], c["valueQuantity"]["value"]) for c in observation["component"]] == [
            ("8480-6", 118),
            ("8462-4", 76),
        ]
        assert {c["valueQuantity"]["code"] for c in observation["component"]} == {"mm[Hg]"}


def test_tenths_leave_as_decimals_and_levels_as_concepts(made: Made) -> None:
    observations = resources(bundle_of(made.folder, "temperature", "acvpu"), "Observation")
    assert {o["valueQuantity"]["value"] for o in observations if "valueQuantity" in o} == {37.1}
    assert {o["valueCodeableConcept"]["text"] for o in observations if "valueCodeableConcept" in o} == {"A"}


def test_nobody_is_named(made: Made) -> None:
    text = json.dumps(bundle_of(made.folder, *VITALS))
    assert "vitals-2" not in text
    assert '"Patient"' in text
    assert f"dev-{TWO:016x}" in text


def test_every_reference_is_to_an_entry_and_no_entry_stands_twice(made: Made) -> None:
    bundle = bundle_of(made.folder, "spo2", "hr", "bp")
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    assert all(o["device"]["reference"] in urls for o in resources(bundle, "Observation"))
    targets = [t["reference"] for p in resources(bundle, "Provenance") for t in p["target"]]
    assert len(targets) == len(set(targets)) == len(resources(bundle, "Observation"))
    assert set(targets) <= set(urls)


def test_the_same_question_gives_the_same_bundle(made: Made) -> None:
    assert bundle_of(made.folder, "spo2") == bundle_of(made.folder, "spo2")


def parts(extensions: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Values of an extension by url; nested ones stay lists."""
    found: dict[str, list[Any]] = {}
    for extension in extensions:
        value = extension.get("extension") or next(v for k, v in extension.items() if k.startswith("value"))
        found.setdefault(extension["url"], []).append(value)
    return found


def hashes(values: list[str]) -> list[bytes]:
    return [base64.b64decode(value) for value in values]


def test_the_provenance_alone_proves_the_record(made: Made) -> None:
    provenances = resources(bundle_of(made.folder, "spo2"), "Provenance")
    assert len(provenances) == 11
    for provenance in provenances:
        stream, _, digits = provenance["entity"][0]["what"]["identifier"]["value"].rpartition("/")
        assert stream == str(OTHER)
        index = int(digits)
        frame = made.frames[OTHER][index]
        (proof,) = (parts(e["extension"]) for e in provenance["extension"])
        assert hashes(proof["leafHash"]) == [leaf_hash(frame)]
        attested, checkpoint = parts(proof["attested"][0]), parts(proof["checkpoint"][0])
        for tree in (attested, checkpoint):
            (root,) = hashes(tree["root"])
            path = hashes(tree.get("inclusionPath", []))
            assert is_included(leaf_hash(frame), index, tree["treeSize"][0], path, root)
        auditor = verifier("ed25519", signer("auditor", "ed25519").public)
        statement = audit_part(OTHER, attested["treeSize"][0], hashes(attested["root"])[0])
        assert auditor.verify(statement, hashes(attested["auditorSignature"])[0])
        said = decode(hashes(checkpoint["statement"])[0])
        assert isinstance(said, Checkpoint)
        edge = verifier("ed25519", signer("edge-1", "ed25519").public)
        assert edge.verify(signed_part(said), said.signature)
        assert (OTHER, checkpoint["treeSize"][0], hashes(checkpoint["root"])[0]) in said.heads
        assert checkpoint["planet"] == ["earth", "mars"]
        device = verifier("ed25519", signer("vitals-2", "ed25519").public)
        assert device.verify(frame[:-64], base64.b64decode(provenance["signature"][0]["data"]))
        assert len(provenance["signature"]) == 5  # device, auditor, edge, and a witness on either planet


def test_a_broken_frame_leaves_no_observation(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        frame = flipped(made.frames[OTHER][3], 800)
        store.execute("UPDATE frames SET frame = ? WHERE device LIKE '2%' AND idx = 3", (frame,))
    bundle = as_bundle(read(made.folder, ["spo2"], crew=2))
    assert len(resources(bundle, "Observation")) == 10 * FRAME_SAMPLES
    assert f"{OTHER}/3/" not in json.dumps(bundle)


def test_what_has_no_profile_claims_none(made: Made) -> None:
    for metric in ("rr_interval", "activity", "oxygen_flow", "consciousness"):
        for observation in resources(bundle_of(made.folder, metric), "Observation"):
            assert "profile" not in observation["meta"]
            assert observation["code"]["coding"]
