"""`twin query`: who, what, when, how far proved; and the line that each wrong question gets."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hand_made_store import (
    FIRST,
    LEAD_OFF,
    OTHER,
    START_US,
    TWO,
    Made,
    S,
    flipped,
    make_run,
    tampering,
)
from typer.testing import CliRunner, Result

from twin.channels import AIR, VITALS
from twin.cli import app
from twin.query.formats import COLUMNS
from twin.query.metrics import channels_of
from twin.query.readings import read
from twin.scenario.errors import ScenarioError
from twin.verify.tree import is_included


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A sound run that nobody changes."""
    return make_run(tmp_path_factory.mktemp("made") / "run")


def twin(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def refusal(*words: str | Path) -> str:
    done = twin(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr.rstrip("\n")


def asked(made: Made, *words: str) -> list[dict[str, Any]]:
    done = twin("query", made.folder, *words, "--format", "json")
    assert done.exit_code == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["readings"]
    return found


def test_a_person_is_found_through_the_map_of_mars_and_through_a_change_of_keys(made: Made) -> None:
    found = asked(made, "--crew", "1", "--metric", "heart_rate")
    assert [row["value"] for row in found] == [v for i in (0, 1, 2, 3, 0, 1, 2, 3, 4, 5) for v in [70 + i] * 4]
    assert {row["record"].split("/")[0] for row in found} == {f"dev-{FIRST.device:016x}"}
    assert {row["state"] for row in found} == {"cosigned"}
    assert found[5]["utc"] == "2033-03-10T10:00:05.000Z"
    assert (found[5]["record"], found[5]["sample"]) == (f"{FIRST}/1", 1)


def test_a_range_begins_at_its_start_and_ends_before_its_end(made: Made) -> None:
    span = ("--from", "2033-03-10T10:00:02Z", "--to", "2033-03-10T10:00:05Z")
    found = asked(made, "--crew", "2", "--metric", "spo2", *span)
    assert [row["utc"][-7:] for row in found] == ["02.000Z", "03.000Z", "04.000Z"]


def test_a_missing_value_is_missing_in_every_form_and_never_a_number(made: Made) -> None:
    span = ("--crew", "2", "--metric", "spo2", "--from", "2033-03-10T10:00:08Z", "--to", "2033-03-10T10:00:12Z")
    assert [row["value"] for row in asked(made, *span)] == [None] * 4
    table = twin("query", made.folder, *span).stdout
    assert table.count("missing") == 4
    rows = list(csv.DictReader(io.StringIO(twin("query", made.folder, *span, "--format", "csv").stdout)))
    assert [row["value"] for row in rows] == [""] * 4
    assert {row["record"] for row in rows} == {f"{OTHER}/{LEAD_OFF}"}
    assert "-32768" not in table


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("spo2_pct", [97]),
        ("SpO2", [97]),
        ("hr", [70]),
        ("temperature", [37.1]),
        ("blood-pressure", [118, 76]),
        ("rr_interval", [850]),
    ],
)
def test_a_metric_goes_by_its_own_name_a_short_one_and_what_clinics_say(
    made: Made, metric: str, values: list[float]
) -> None:
    found = asked(made, "--crew", "2", "--metric", metric, "--to", "2033-03-10T10:00:01Z")
    assert [row["value"] for row in found] == values


def test_the_table_shows_levels_of_consciousness_by_letter_and_counts_states(made: Made) -> None:
    text = twin("query", made.folder, "--crew", "2", "--metric", "acvpu", "--to", "2033-03-10T10:00:01Z").stdout
    assert text.splitlines()[1].split() == [
        "2033-03-10T10:00:00.000Z", "consciousness_acvpu", "A", "{ACVPU}", f"{OTHER}/0", "0", "cosigned", "edge-1/0",
        "earth+mars",
    ]  # fmt: skip
    assert text.splitlines()[-1] == "frames: 1 cosigned"


def test_a_device_is_asked_by_name_or_by_pseudonym_without_the_map(tmp_path: Path) -> None:
    alone = make_run(tmp_path / "run")
    named = asked(alone, "--device", "vitals-2", "--metric", "spo2")
    (alone.folder / "mars" / "persons.json").unlink()
    assert asked(alone, "--device", f"dev-{TWO:016x}", "--metric", "spo2") == named
    assert "map of persons" in refusal("query", alone.folder, "--crew", "2", "--metric", "spo2")


def test_the_proof_in_the_document_leads_from_the_row_to_both_roots(made: Made) -> None:
    done = twin("query", made.folder, "--crew", "2", "--metric", "spo2", "--format", "json")
    records = json.loads(done.stdout)["records"]
    assert len(records) == 11
    for proof in records.values():
        for tree in (proof["attested"], proof["checkpoint"]["head"]):
            path = [bytes.fromhex(sibling) for sibling in tree["path"]]
            leaf, root = bytes.fromhex(proof["leaf"]), bytes.fromhex(tree["root"])
            assert is_included(leaf, proof["index"], tree["tree_size"], path, root)
    assert records[f"{OTHER}/0"]["checkpoint"]["counter"] == 0
    assert records[f"{OTHER}/10"]["checkpoint"]["counter"] == 2
    assert records[f"{OTHER}/10"]["checkpoint"]["witnesses"] == ["auditor", "edge-2"]


# ------------------------------------------------------------ states


def states(folder: Path) -> dict[str, int]:
    return read(folder, ["spo2"], crew=2).states()


def test_without_cosignatures_rows_are_attested_only(tmp_path: Path) -> None:
    assert states(make_run(tmp_path / "run", witnesses=()).folder) == {"attested": 11}


def test_without_a_ledger_rows_are_attested_only(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        store.execute("DROP TABLE ledger")
    assert states(made.folder) == {"attested": 11}


def test_without_an_attestation_rows_are_signed_only(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        store.execute("DELETE FROM attestations")
    assert states(made.folder) == {"signed": 11}


def test_cosignatures_from_one_planet_are_not_enough(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    registry = json.loads((made.folder / "registry.json").read_text())
    registry["edges"][1]["name"] = "edge-7"  # nobody knows edge-2 any more
    (made.folder / "registry.json").write_text(json.dumps(registry))
    assert states(made.folder) == {"attested": 11}


def test_a_row_that_was_changed_is_no_reading_and_the_command_fails(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        frame = flipped(made.frames[OTHER][3], 800)
        store.execute("UPDATE frames SET frame = ? WHERE device = ? AND idx = 3", (frame, f"{TWO:016x}"))
    answer = read(made.folder, ["spo2"], crew=2)
    assert [proof.record for proof in answer.broken] == [f"{OTHER}/3"]
    assert {reading.proof.index for reading in answer.readings()} == set(range(11)) - {3}
    done = twin("query", made.folder, "--crew", "2", "--metric", "spo2")
    assert done.exit_code == 1
    assert f"broken: {OTHER}/3: signatures: the signature is not its device's" in done.stdout
    for form in ("csv", "json", "fhir"):
        done = twin("query", made.folder, "--crew", "2", "--metric", "spo2", "--format", form)
        assert done.exit_code == 1
        assert f"broken: {OTHER}/3" in done.stderr


def test_rows_under_an_attestation_that_does_not_hold_are_signed_only_and_the_command_fails(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        store.execute("UPDATE attestations SET root = ?", (bytes(32),))
    assert states(made.folder) == {"signed": 11}
    done = twin("query", made.folder, "--crew", "2", "--metric", "spo2")
    assert done.exit_code == 1
    assert f"not attested: {OTHER}: the auditor's signature over 11 rows does not verify" in done.stdout


# ------------------------------------------------------------ nothing found


OUTSIDE = [("--from", "2040-01-01"), ("--to", "1999-12-31T23:59:59"), ("--from", "2033-03-10T10:00:43.5Z")]


@pytest.mark.parametrize("span", OUTSIDE)
def test_that_nothing_is_found_is_an_answer_in_every_form(made: Made, span: tuple[str, str]) -> None:
    words = ("query", made.folder, "--crew", "1", "--metric", "bp", *span)
    found = {form: twin(*words, "--format", form) for form in ("table", "csv", "json", "fhir")}
    assert [(done.exit_code, done.stderr) for done in found.values()] == [(0, "")] * 4
    assert found["table"].stdout == (
        "no reading of systolic_mmhg and diastolic_mmhg in this range: "
        "Earth holds 2033-03-10T10:00:00.000Z to 2033-03-10T10:00:43.000Z\n"
    )
    assert found["csv"].stdout == ",".join(COLUMNS) + "\n"
    document = json.loads(found["json"].stdout)
    assert (document["readings"], document["records"], document["frames"]) == ([], {}, {})
    bundle = json.loads(found["fhir"].stdout)
    assert bundle == {"resourceType": "Bundle", "type": "collection"}
    assert Bundle.model_validate(bundle).entry is None


def test_nothing_found_under_an_attestation_that_does_not_hold_fails_all_the_same(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        store.execute("UPDATE attestations SET root = ?", (bytes(32),))
    done = twin("query", made.folder, "--crew", "2", "--metric", "spo2", "--from", "2040-01-01")
    assert done.exit_code == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "no reading of spo2_pct in this range",
        "not attested",
    ]


def test_an_instant_without_a_zone_is_utc_and_one_with_a_zone_is_converted(made: Made) -> None:
    ask = ("--crew", "2", "--metric", "spo2", "--to", "2033-03-10T10:00:05Z", "--from")
    plain, zoned = asked(made, *ask, "2033-03-10T10:00:03"), asked(made, *ask, "2033-03-10T12:00:03+02:00")
    assert [row["utc"][-7:] for row in plain] == ["03.000Z", "04.000Z"]
    assert zoned == plain


# ------------------------------------------------------------ wrong questions


ELSEWHERE = {"air-1": AIR, "air-2": AIR, **{f"vitals-{number}": VITALS for number in range(2, 10)}}


@pytest.mark.parametrize(
    ("metric", "worn", "remedy"),
    [
        ("ppo2", VITALS, "ask --device air-1, air-2"),
        ("cabin_presure", VITALS, "did you mean cabin_pressure? ask --device air-1, air-2"),
        ("bp", AIR, "ask --device vitals-2, vitals-3, vitals-4, vitals-5, vitals-6, vitals-7, ..."),
        ("temprature", VITALS, "did you mean temperature? use one of heart_rate, "),
    ],
)
def test_a_metric_that_another_device_has_is_asked_of_that_device(
    metric: str, worn: tuple[str, ...], remedy: str
) -> None:
    with pytest.raises(ScenarioError) as refused:
        channels_of(metric, worn, ELSEWHERE)
    assert refused.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "query RUN --crew 3 --metric spo2",
            "crew member 3: nobody in this run has this number (--crew); use one of 1, 2",
        ),
        (
            "query RUN --crew 1 --metric sp02",
            "metric sp02: unknown metric (--metric); did you mean spo2? use one of heart",
        ),
        (
            "query RUN --crew 1 --metric ppo2",
            "metric ppo2: no device asked reports ppo2_dapa (--metric); use one of heart",
        ),
        ("query RUN/none --crew 1 --metric spo2", "run RUN/none: is no folder (RUN/none); give a run's folder"),
        ("query RUN/mars --crew 1 --metric spo2", "run RUN/mars: holds no earth.sqlite (RUN/mars); give the folder"),
        (
            "query RUN --crew 1 --metric spo2 --from noon",
            "instant noon: 'noon' is not an ISO 8601 date and time (--from); write",
        ),
        (
            "query RUN --crew 1 --metric spo2 --from 2033-03-11 --to 2033-03-10",
            "range of instants: ends at 2033-03-10, not after its start 2033-03-11 (--to); name a later end",
        ),
        (
            "query RUN --crew 1 --metric spo2 --from 2033-03-10T10:00:00Z --to 2033-03-10T12:00+02:00",
            "range of instants: ends at 2033-03-10T12:00+02:00, not after its start 2033-03-10T10:00:00Z (--to); name",
        ),
        (
            "query RUN --crew 1 --metric spo2 --from 1960-01-01",
            "instant 1960-01-01: UTC has had leap seconds only since 1972-01-01 (--from); choose a later date",
        ),
        ("query RUN --crew 1", "query: asks for no metric (--metric); name one, e.g. --metric spo2"),
        (
            "query RUN --crew two --metric spo2",
            "crew member two: is no whole number (--crew); count the crew from 1, as in --crew 2",
        ),
        ("query RUN --crew 1.5 --metric spo2", "crew member 1.5: is no whole number (--crew); count"),
        # nothing is near enough, or two are equally near
        ("query RUN --crew 1 --metric pressure", "metric pressure: unknown metric (--metric); use one of heart"),
        ("query RUN --crew 1 --metric saturation", "metric saturation: unknown metric (--metric); use one of heart"),
        ("query RUN --crew 1 --metric hrv", "metric hrv: unknown metric (--metric); use one of heart"),
        ("query RUN --device vitals-9 --metric spo2", "device vitals-9: no device of this run (--device); use one of "),
        (
            "query RUN --metric spo2",
            "query: asks for one person or one device (--crew); give --crew N for a person, or",
        ),
        ("query RUN --crew 1 --device vitals-1 --metric spo2", "query: asks for one person or one device (--crew)"),
        (
            "query RUN --device vital-2 --metric spo2",
            "device vital-2: no device of this run (--device); did you mean vit",
        ),
        (
            "query RUN --device dev-1 --metric spo2",
            "device dev-1: no device of this run (--device); take a pseudonym from",
        ),
        (
            "query RUN --crew 1 --metric spo2 --format xml",
            "format xml: unknown format (--format); use one of table, csv",
        ),
        (
            "ledger RUN --record dev-1",
            "record dev-1: no address of a record (--record); write dev-<16 hex>/ep-<16 hex>",
        ),
        (f"ledger RUN --record {OTHER}/99", f"record {OTHER}/99: no row stands there (--record); `twin ledger"),
        ("verify RUN/none", "run RUN/none: is no folder (RUN/none); give a run's folder"),
        ("ledger RUN/none", "run RUN/none: is no folder (RUN/none); give a run's folder"),
        ("ledger RUN/none --every", "run RUN/none: is no folder (RUN/none); give a run's folder"),
        ("ledger RUN/mars", "run RUN/mars: holds no earth.sqlite (RUN/mars); give the folder"),
        ("report RUN", "run RUN: holds no result.json (RUN); give a run's folder"),
        ("query RUN --crew 0 --metric spo2", "crew member 0: nobody in this run has this number (--crew)"),
        ("query RUN --crew 1 --metric spo2 --to 2033-02-30", "instant 2033-02-30: "),
    ],
)
def test_a_wrong_question_gets_one_line_that_says_what_to_do(made: Made, words: str, line: str) -> None:
    run = str(made.folder)
    assert refusal(*words.replace("RUN", run).split()).startswith("twin: " + line.replace("RUN", run))


def test_a_registry_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    registry = made.folder / "registry.json"
    whole = registry.read_text()
    registry.write_text(whole.replace('"is_secret": false', '"is_secret": true', 1))
    assert "is_secret must be true for hmac-sha256" in refusal("verify", made.folder)
    registry.unlink()
    assert refusal("verify", made.folder).startswith(f"twin: registry of signers {registry}: is missing")


ASK = ("query", "verify", "ledger")


def refused(verb: str, folder: Path) -> str:
    return refusal(verb, folder, *(("--crew", "2", "--metric", "spo2") if verb == "query" else ()))


@pytest.mark.parametrize("verb", ASK)
def test_a_registry_of_another_version_is_refused_by_every_verb(verb: str, tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    registry = made.folder / "registry.json"
    registry.write_text(registry.read_text().replace("registry/1", "registry/9"))
    line = refused(verb, made.folder)
    assert line.startswith(
        f"twin: registry of signers {registry}: input should be 'mars-iomt-twin/registry/1' (schema)"
    )
    assert line.rstrip().endswith("run the scenario again with this version")


@pytest.mark.parametrize("verb", ASK)
def test_a_missing_registry_is_named_by_every_verb(verb: str, tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    (made.folder / "registry.json").unlink()
    assert f"{made.folder / 'registry.json'}: is missing" in refused(verb, made.folder)


@pytest.mark.parametrize("verb", ASK)
@pytest.mark.parametrize(
    ("spoil", "words"),
    [("DROP TABLE attestations", "has no table attestations"), ("ALTER TABLE ledger DROP COLUMN cosigns", "cosigns")],
)
def test_a_store_of_another_version_is_refused_by_every_verb(verb: str, spoil: str, words: str, tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        store.execute(spoil)
    line = refused(verb, made.folder)
    assert words in line
    assert line.rstrip().endswith("run the scenario again with this version")


def test_a_map_of_persons_of_another_version_is_refused(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    persons = made.folder / "mars" / "persons.json"
    persons.write_text(persons.read_text().replace("persons/1", "persons/9"))
    assert "input should be 'mars-iomt-twin/persons/1'" in refused("query", made.folder)


def test_a_result_of_another_version_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"schema": "mars-iomt-twin/result/1"}')
    assert "schema 'mars-iomt-twin/result/1' is not" in refusal("report", tmp_path)


def test_a_device_without_rows_says_so(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        for table in ("frames", "heads", "attestations"):
            store.execute(f"DELETE FROM {table} WHERE device = ?", (f"{TWO:016x}",))
    done = twin("query", made.folder, "--crew", "2", "--metric", "spo2")
    line = "no reading of spo2_pct: no row of these devices stands on Earth\n"
    assert (done.exit_code, done.stdout, done.stderr) == (0, line, "")


def test_instants_are_the_devices_own(made: Made) -> None:
    first = next(read(made.folder, ["spo2"], crew=2).readings())
    assert first.instant_us == START_US
    assert first.proof.stored_us == START_US + 900 * S
