"""A real run, asked and verified afterwards by the commands, whichever suite signs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle
from typer.testing import CliRunner

from twin.cli import app
from twin.experiments.run import run
from twin.run_registry import load_persons, load_registry
from twin.scenario import parse_scenario

# DSS-14 sees Mars from 09:36 UTC on
SCENARIO = """
name: asked
start: 2033-03-10T10:00:00Z
duration: 20 min
seed: 5
habitat:
  site: jezero
  crew: 2
  devices: [{kind: vitals_monitor, per: crew, sample_period: 5 s, frame_period: 60 s}]
  edge_nodes: 2
pipeline: {suite: SUITE}
"""


@pytest.fixture(scope="module", params=["ed25519", "hmac-sha256"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run left."""
    folder = tmp_path_factory.mktemp("asked") / "run"
    run(parse_scenario(SCENARIO.replace("SUITE", request.param)), folder)
    return folder


def output(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_run_leaves_a_sound_store(folder: Path) -> None:
    assert output("verify", folder).splitlines()[-1] == "sound"


def test_a_person_of_the_run_is_asked_for_and_every_sample_is_there_and_attested(folder: Path) -> None:
    found = json.loads(output("query", folder, "--crew", "2", "--metric", "spo2", "--format", "json"))
    assert len(found["readings"]) == 20 * 60 / 5
    assert {row["state"] for row in found["readings"]} <= {"attested", "cosigned"}
    assert all(90 <= row["value"] <= 100 for row in found["readings"] if row["value"] is not None)


def test_the_bundle_of_a_run_is_fhir(folder: Path) -> None:
    text = output("query", folder, "--crew", "1", "--metric", "hr", "--metric", "bp", "--format", "fhir")
    assert len(Bundle.model_validate_json(text).entry) > 200


def test_earths_registry_names_no_person_and_marks_shared_secrets(folder: Path) -> None:
    registry, persons = load_registry(folder), load_persons(folder)
    text = (folder / "registry.json").read_text()
    assert all(device.name not in text for person in persons.persons for device in person.devices)
    assert "crew" not in text
    assert [device.device for device in registry.devices] == sorted(device.device for device in registry.devices)
    for signer in (registry.gateway, registry.auditor, *registry.edges, *registry.devices):
        assert signer.key.is_secret == (signer.key.suite == "hmac-sha256")
