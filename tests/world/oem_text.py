"""Orbit ephemeris messages as text, for tests: the same segments in KVN and in XML."""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import numpy as np

from twin.world.timescales import us_to_utc

HALF_S_US = 500_000
HEADER = {"CREATION_DATE": "2033-03-09T12:00:00", "ORIGINATOR": "TEST"}
TAGS = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT", "X_DDOT", "Y_DDOT", "Z_DDOT")


@dataclass
class Text:
    """One segment: metadata and states (epoch and numbers)."""

    metadata: dict[str, str]
    states: list[tuple[str, ...]]
    covariance: bool = field(default=False)


def sampled(orbit, start_us, count, step_us, **metadata):
    """States of an orbit, velocities by differences over 1 s (1e-7 km/s), at whole milliseconds of UTC."""
    us = start_us + np.arange(count, dtype=np.int64) * step_us
    epochs = [us_to_utc(int(one)).rstrip("Z") for one in us]
    at_km = orbit.position_km(us)
    speed = orbit.position_km(us + HALF_S_US) - orbit.position_km(us - HALF_S_US)
    states = [
        (epoch, *(f"{value:.6f}" for value in at), *(f"{value:.9f}" for value in moves))
        for epoch, at, moves in zip(epochs, at_km, speed, strict=True)
    ]
    standard = {
        "OBJECT_NAME": "MRO-LIKE", "OBJECT_ID": "2033-001A", "CENTER_NAME": "MARS", "REF_FRAME": "ICRF",
        "TIME_SYSTEM": "UTC", "START_TIME": epochs[0], "STOP_TIME": epochs[-1],
    }  # fmt: skip
    return Text(standard | metadata, states)


def kvn(*segments, version="2.0", header=HEADER):
    lines = [f"CCSDS_OEM_VERS = {version}", "COMMENT a comment = with an equals sign"]
    lines += [f"{keyword} = {value}" for keyword, value in header.items()]
    for segment in segments:
        lines += ["", "META_START", *(f"{keyword}={value}" for keyword, value in segment.metadata.items())]
        lines += ["META_STOP", "COMMENT states", *("  ".join(state) for state in segment.states)]
        if segment.covariance:
            lines += ["COVARIANCE_START", f"EPOCH = {segment.states[0][0]}", "COV_REF_FRAME = RSW"]
            lines += [" ".join(["1.0e-6"] * row) for row in range(1, 7)] + ["COVARIANCE_STOP"]
    return "\n".join(lines) + "\n"


def xml(*segments, version="2.0", header=HEADER):
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<oem id="CCSDS_OEM_VERS" version="{version}">', "<header>"]
    lines += ["<COMMENT>a comment</COMMENT>"]
    lines += [f"<{keyword}>{value}</{keyword}>" for keyword, value in header.items()]
    lines += ["</header>", "<body>"]
    for segment in segments:
        lines += ["<segment>", "<metadata>"]
        lines += [f"<{keyword}>{escape(value)}</{keyword}>" for keyword, value in segment.metadata.items()]
        lines += ["</metadata>", "<data>", "<COMMENT>states</COMMENT>"]
        for epoch, *numbers in segment.states:
            lines += ["<stateVector>", f"<EPOCH>{epoch}</EPOCH>"]
            lines += [f"<{tag}>{value}</{tag}>" for tag, value in zip(TAGS, numbers, strict=False)]
            lines += ["</stateVector>"]
        if segment.covariance:
            lines += ["<covarianceMatrix>", f"<EPOCH>{segment.states[0][0]}</EPOCH>", '<CX_X units="km**2">1</CX_X>']
            lines += ["</covarianceMatrix>"]
        lines += ["</data>", "</segment>"]
    return "\n".join([*lines, "</body>", "</oem>"]) + "\n"
