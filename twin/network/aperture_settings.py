"""What a scenario says about the antennas on Earth, in the terms of tracks and closures."""

from __future__ import annotations

from twin.network.closures import Maintenance, maintenance_windows
from twin.network.tracks import ApertureRules, Track, written_track
from twin.network.visibility import Window
from twin.scenario.apertures import Apertures


def rules_of(settings: Apertures) -> ApertureRules:
    """What an aperture needs and can do."""
    return ApertureRules(
        setup_us=settings.setup_us,
        teardown_us=settings.teardown_us,
        track_us_max=settings.track_max_us,
        track_us_min=settings.track_min_us,
        spacecraft_max=settings.spacecraft_max,
        uplink_turn_us=settings.uplink_turn_us,
        handover_us=settings.handover_us,
    )


def closed_by_maintenance(settings: Apertures, start_us: int, span: Window) -> dict[str, list[Window]]:
    """Closed windows [us] by station within a span; `start_us` is the scenario's start."""
    entries = [
        Maintenance(rule.station, start_us + rule.from_us, rule.for_us, rule.every_us) for rule in settings.maintenance
    ]
    return maintenance_windows(entries, span)


def written_tracks(settings: Apertures, start_us: int) -> list[Track]:
    """The tracks of a schedule written by hand, in its order; `start_us` is the scenario's start."""
    rules = rules_of(settings)
    return [
        written_track(entry.station, entry.spacecraft, start_us + entry.from_us, start_us + entry.end_us, rules)
        for entry in settings.schedule
    ]
