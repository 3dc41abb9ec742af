"""Digital twin of a Mars clinic's data system: real pipeline, real sky, a verdict per guarantee.

    import twin

    scenario = twin.load_scenario("scenarios/first-light.yaml", overrides=["duration=6 h"])
    result = twin.run(scenario, out="reports/first-light")
    result.verdict, result.tables["records"]
    twin.query.read(result.folder, ["spo2"], crew=2)
    twin.verify.verify_run(result.folder).findings.sound

Names are imported on first use, so that `import twin` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.3.0"

_HOMES = {
    "Result": "twin.result",
    "ScenarioError": "twin.scenario",
    "check": "twin.experiments.check",
    "load_scenario": "twin.scenario",
    "render": "twin.report",
    "run": "twin.experiments.run",
}
_ROOMS = ("query", "verify")
"""Packages that are reached by their own names."""

__all__ = ["Result", "ScenarioError", "__version__", "check", "load_scenario", "query", "render", "run", "verify"]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"twin.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'twin' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
