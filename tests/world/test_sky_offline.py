"""The sky of this process against that of others: without a network, years later, on a lesser processor."""

import json
import os
import subprocess
import sys

import numpy as np

PROBE = """
import json, sys
from twin.world.ephemeris import owlt_down_us, owlt_up_us
from twin.world.mars import Site, earth_azimuth_elevation_deg
from twin.world.sky import describe_sky
from twin.world.stations import DSN_STATIONS, mars_azimuth_elevation_deg
from twin.world.timescales import SOL_US, US_PER_DAY, us_to_utc, utc_to_us
from twin.world.windows import elevation_crossings

def view():
    import numpy as np
    site = Site("jezero", 18.4447, 77.4508)
    start = utc_to_us("2033-03-10")
    end, step = start + 10 * SOL_US, 300_000_000
    epochs = np.linspace(utc_to_us("2010-01-01"), utc_to_us("2050-12-31"), 500).astype(np.int64)
    seen = {
        name: lambda us, station=station: mars_azimuth_elevation_deg(station, us)[1]
        for name, station in DSN_STATIONS.items()
    }
    seen["jezero"] = lambda us: earth_azimuth_elevation_deg(site, us)[1]
    skies = [describe_sky(utc_to_us(utc), site) for utc in ("2012-02-29", "2033-03-10T08:00", "2050-12-31")]
    return {
        "windows": {name: elevation_crossings(fn, start, end, 10.0, step) for name, fn in seen.items()},
        "down_us": owlt_down_us(epochs).tolist(),
        "up_us": owlt_up_us(epochs).tolist(),
        "skies": skies,
    }
"""

LATER_AND_CUT_OFF = """
import datetime, socket, time
YEARS_S = 20 * 365.25 * 86400
real_time, real_datetime = time.time, datetime.datetime
time.time = lambda: real_time() + YEARS_S
class Later(real_datetime):
    @classmethod
    def now(cls, tz=None):
        return real_datetime.now(tz) + datetime.timedelta(seconds=YEARS_S)
    @classmethod
    def utcnow(cls):
        return real_datetime.utcnow() + datetime.timedelta(seconds=YEARS_S)
datetime.datetime = Later
class NoNetwork:
    def __init__(self, *args, **kwargs):
        raise OSError("the network is blocked in this test")
def refuse(*args, **kwargs):
    raise OSError("the network is blocked in this test")
socket.socket = NoNetwork
socket.create_connection = socket.getaddrinfo = refuse
assert time.time() > real_time() + 1e8 and datetime.datetime.now().year >= 2040
"""

ANSWER = """
print(json.dumps({"view": view(), "astropy": sorted(m for m in sys.modules if m.split(".")[0] == "astropy")}))
"""


def in_another_process(program, **environment):
    """What the probe sees in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def in_this_process():
    names = {}
    exec(PROBE, names)
    return json.loads(json.dumps(names["view"]()))


def test_sky_is_the_same_without_a_network_and_twenty_years_later():
    assert in_another_process(LATER_AND_CUT_OFF + PROBE + ANSWER)["view"] == in_this_process()


def test_the_world_never_imports_astropy():
    assert in_another_process(PROBE + ANSWER)["astropy"] == []


def test_windows_and_light_times_are_the_same_without_vector_instructions():
    found = np._core._multiarray_umath.__cpu_features__
    optional = [name for name in np._core._multiarray_umath.__cpu_dispatch__ if found[name]]
    plain = in_another_process(PROBE + ANSWER, NPY_DISABLE_CPU_FEATURES=" ".join(optional))["view"]
    here = in_this_process()
    assert plain["windows"] == here["windows"]
    assert (plain["down_us"], plain["up_us"]) == (here["down_us"], here["up_us"])
