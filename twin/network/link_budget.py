"""A link budget: from power, gains, noise and distance to C/N0, and from there to an information rate.

::

    C/N0 = P - circuit loss + Gt - pointing - path loss - atmosphere + Gr - pointing - 10 log T - k     [dB-Hz]
    rate = 10^((C/N0 - Eb/N0 of the code - implementation loss - margin) / 10), at most the radio's     [bit/s]

Eb/N0 is counted per information bit, as CCSDS 130.1-G draws its curves. The rate is therefore what comes out of the
decoder: the code's rate, Reed-Solomon parity included, is already in it and must not be taken off again. Markers,
headers and packets are not (``encapsulation``).

A logarithm's last bit differs between processors, so a contact plan takes its rates from a list (``modes``); the
rate of a budget is for people. Worked links stand in ``radios``.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, overload

import numpy as np

from twin.world.ephemeris import SPEED_OF_LIGHT_KM_S
from twin.world.timescales import FloatArray

BOLTZMANN_DBW: Final = 10.0 * math.log10(1.380649e-23)
"""Boltzmann's constant [dBW/K/Hz], -228.599: exact in the SI of 2019."""
_M_PER_KM: Final = 1000.0


class Code(NamedTuple):
    """A channel code: information bits per channel symbol, and the Eb/N0 per information bit that it needs [dB]."""

    information_per_symbol: float
    threshold_ebn0_db: float
    source: str


class Transmitter(NamedTuple):
    """What radiates: power [W], loss between amplifier and feed [dB], gain [dBi], pointing loss [dB]."""

    power_w: float
    circuit_loss_db: float
    gain_dbi: float
    pointing_loss_db: float


class Receiver(NamedTuple):
    """What listens: gain [dBi], pointing loss [dB], system temperature under a clear sky [K]."""

    gain_dbi: float
    pointing_loss_db: float
    system_temperature_k: float


class Link(NamedTuple):
    """All of a link but where its ends are: radios, frequency [Hz], code, losses [dB] and the radio's highest rate.

    ``atmosphere_loss_db`` and the receiver's temperature are those of a clear sky; weather and dust come on top of them
    (``attenuation``). ``rate_max_bps`` is None where no highest rate is published.
    """

    transmitter: Transmitter
    receiver: Receiver
    frequency_hz: float
    atmosphere_loss_db: float
    code: Code
    implementation_loss_db: float
    margin_db: float
    rate_max_bps: int | None = None


class Budget(NamedTuple):
    """One link at one distance, term by term; ``str`` of it is a table for people."""

    link: Link
    distance_km: float
    weather_loss_db: float
    added_noise_k: float
    eirp_dbw: float
    path_loss_db: float
    gain_over_temperature_db_k: float
    cn0_dbhz: float
    uncapped_rate_bps: float
    rate_bps: int

    def __str__(self) -> str:
        transmitter, receiver, code = self.link.transmitter, self.link.receiver, self.link.code
        noise_k = receiver.system_temperature_k + self.added_noise_k
        cap_bps = self.link.rate_max_bps
        # 0 - x, as -x would print a loss of nothing as -0.00.
        rows = [
            (f"transmitter power, {transmitter.power_w:g} W", _db(transmitter.power_w), "dBW"),
            ("circuit loss", 0.0 - transmitter.circuit_loss_db, "dB"),
            ("transmitting antenna", transmitter.gain_dbi, "dBi"),
            ("radiated power (EIRP)", self.eirp_dbw, "dBW"),
            ("pointing of the transmitter", 0.0 - transmitter.pointing_loss_db, "dB"),
            (f"path loss, {self.distance_km:.0f} km", 0.0 - self.path_loss_db, "dB"),
            ("clear sky", 0.0 - self.link.atmosphere_loss_db, "dB"),
            ("weather and dust", 0.0 - self.weather_loss_db, "dB"),
            ("pointing of the receiver", 0.0 - receiver.pointing_loss_db, "dB"),
            (f"G/T, {receiver.gain_dbi:g} dBi and {noise_k:.1f} K", self.gain_over_temperature_db_k, "dB/K"),
            ("less Boltzmann's constant", 0.0 - BOLTZMANN_DBW, "dBW/K/Hz"),
            ("C/N0", self.cn0_dbhz, "dB-Hz"),
            ("Eb/N0 of the code", 0.0 - code.threshold_ebn0_db, "dB"),
            ("implementation loss", 0.0 - self.link.implementation_loss_db, "dB"),
            ("margin", 0.0 - self.link.margin_db, "dB"),
            ("information rate", _db(self.uncapped_rate_bps), "dB bit/s"),
        ]
        lines = [f"{term:40s} {value:10.2f} {unit}" for term, value, unit in rows]
        limit = f", at most {cap_bps}" if cap_bps is not None else ""
        lines.append(f"{'rate' + limit:40s} {self.rate_bps:10d} bit/s")
        return "\n".join(lines)


def dish_gain_dbi(diameter_m: float, efficiency: float, frequency_hz: float) -> float:
    """Gain of a dish [dBi], ``efficiency (pi D f / c)^2``.

    Raises:
        ValueError: an efficiency outside 0 to 1, a diameter or a frequency that is not positive.
    """
    if not 0.0 < efficiency <= 1.0:
        raise ValueError(f"dish: efficiency {efficiency}: an efficiency is above 0 and at most 1; 0.65 is usual")
    _require_positive("dish", "diameter", diameter_m, "m")
    _require_positive("dish", "frequency", frequency_hz, "Hz")
    wavelength_m = SPEED_OF_LIGHT_KM_S * _M_PER_KM / frequency_hz
    return _db(efficiency) + 20.0 * math.log10(math.pi * diameter_m / wavelength_m)


@overload
def path_loss_db(distance_km: float, frequency_hz: float) -> float: ...
@overload
def path_loss_db(distance_km: FloatArray, frequency_hz: float) -> FloatArray: ...
def path_loss_db(distance_km: float | FloatArray, frequency_hz: float) -> float | FloatArray:
    """Free-space path loss [dB], ``20 log10(4 pi d f / c)``, shape of ``distance_km``.

    Raises:
        ValueError: a distance or the frequency is not positive.

    Source:
        ITU-R P.525; reference/fspl.csv.
    """
    _require_positive("path loss", "frequency", frequency_hz, "Hz")
    per_km = 4.0 * math.pi * frequency_hz / SPEED_OF_LIGHT_KM_S
    if not isinstance(distance_km, np.ndarray):
        _require_positive("path loss", "distance", distance_km, "km")
        return 20.0 * math.log10(distance_km * per_km)
    if distance_km.size:
        _require_positive("path loss", "distance", float(distance_km.min()), "km")
    loss_db: FloatArray = 20.0 * np.log10(distance_km * per_km)
    return loss_db


@overload
def cn0_dbhz(link: Link, distance_km: float, weather_loss_db: float = ..., added_noise_k: float = ...) -> float: ...
@overload
def cn0_dbhz(
    link: Link,
    distance_km: FloatArray,
    weather_loss_db: float | FloatArray = ...,
    added_noise_k: float | FloatArray = ...,
) -> FloatArray: ...
def cn0_dbhz(
    link: Link,
    distance_km: float | FloatArray,
    weather_loss_db: float | FloatArray = 0.0,
    added_noise_k: float | FloatArray = 0.0,
) -> float | FloatArray:
    """Carrier power over noise density at the receiver [dB-Hz], shape of ``distance_km``.

    Args:
        distance_km: distance of the ends [km].
        weather_loss_db: what weather and dust take, beyond the clear sky [dB].
        added_noise_k: what weather adds to the system temperature [K].

    Raises:
        ValueError: a distance, the power or a temperature is not positive.
    """
    eirp_dbw, receiver = radiated_dbw(link.transmitter), link.receiver
    fixed_db = link.transmitter.pointing_loss_db + receiver.pointing_loss_db + link.atmosphere_loss_db + BOLTZMANN_DBW
    noise_k = receiver.system_temperature_k + added_noise_k
    if np.size(noise_k):
        _require_positive("receiver", "system temperature", float(np.min(noise_k)), "K")
    if isinstance(distance_km, np.ndarray):
        noise_db = 10.0 * np.log10(noise_k)
        loss_db = path_loss_db(distance_km, link.frequency_hz)
        level_dbhz: FloatArray = eirp_dbw - loss_db - weather_loss_db + receiver.gain_dbi - noise_db - fixed_db
        return level_dbhz
    loss = path_loss_db(distance_km, link.frequency_hz)
    return eirp_dbw - loss - float(weather_loss_db) + receiver.gain_dbi - _db(float(noise_k)) - fixed_db


def radiated_dbw(transmitter: Transmitter) -> float:
    """Equivalent isotropically radiated power of an antenna that points well [dBW]."""
    _require_positive("transmitter", "power", transmitter.power_w, "W")
    return _db(transmitter.power_w) - transmitter.circuit_loss_db + transmitter.gain_dbi


def budget(link: Link, distance_km: float, weather_loss_db: float = 0.0, added_noise_k: float = 0.0) -> Budget:
    """The budget of a link at a distance [km], under weather as in ``cn0_dbhz``.

    Raises:
        ValueError: distance, power or temperature is not positive.
    """
    level_dbhz = cn0_dbhz(link, distance_km, weather_loss_db, added_noise_k)
    uncapped_bps = 10.0 ** ((level_dbhz - needed_ebn0_db(link) - link.margin_db) / 10.0)
    rate_bps = int(uncapped_bps)
    return Budget(
        link=link,
        distance_km=distance_km,
        weather_loss_db=weather_loss_db,
        added_noise_k=added_noise_k,
        eirp_dbw=radiated_dbw(link.transmitter),
        path_loss_db=path_loss_db(distance_km, link.frequency_hz),
        gain_over_temperature_db_k=link.receiver.gain_dbi - _db(link.receiver.system_temperature_k + added_noise_k),
        cn0_dbhz=level_dbhz,
        uncapped_rate_bps=uncapped_bps,
        rate_bps=rate_bps if link.rate_max_bps is None else min(rate_bps, link.rate_max_bps),
    )


def needed_ebn0_db(link: Link) -> float:
    """Eb/N0 at which a link just works [dB]: the code's and the implementation's loss, without margin."""
    return link.code.threshold_ebn0_db + link.implementation_loss_db


def _db(ratio: float) -> float:
    return 10.0 * math.log10(ratio)


def _require_positive(what: str, quantity: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{what}: {quantity} {value:g} {unit} must be above 0; give it in {unit}")
