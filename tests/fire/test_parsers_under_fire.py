"""Every parser of outside bytes: nothing but its documented error escapes, and it takes no more than it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Parser, fire
from hypothesis import given, settings
from mutations import BOMBS, hostile
from parsers import PARSERS

CAMPAIGN = settings.get_current_profile_name() == "campaign"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where parsers of files work."""
    return tmp_path_factory.mktemp("fire")


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_every_specimen_is_read(parser: Parser, folder: Path) -> None:
    for data in parser.specimens():
        assert fire(parser, data, folder), f"{parser.name} refuses {data[:80]!r}"


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_only_the_documented_error_escapes_and_memory_and_time_stay_bounded(parser: Parser, folder: Path) -> None:
    many = settings.default.max_examples * parser.few // 300
    few = (
        settings(max_examples=many) if CAMPAIGN else settings(max_examples=parser.few, derandomize=True, deadline=None)
    )

    @few
    @given(data=hostile(parser.specimens(), parser.language))
    def under_fire(data: bytes) -> None:
        fire(parser, data, folder)

    under_fire()


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_no_bomb_goes_off(parser: Parser, folder: Path) -> None:
    for bomb in (*BOMBS[parser.language], *parser.bombs):
        fire(parser, bomb, folder)
