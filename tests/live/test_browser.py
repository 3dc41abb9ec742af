"""The report in a real browser: it renders from the file alone, its verdict is readable, and it asks the network for
nothing.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from twin.experiments.run import run
from twin.report import render
from twin.scenario import load_scenario

pytestmark = pytest.mark.live

ROOT = Path(__file__).parent.parent.parent
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions",
]  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of a short run."""
    folder = tmp_path_factory.mktemp("run") / "first-light"
    overrides = ["start=2033-03-10T09:00:00Z", "duration=2 h", "faults=[]", "weather.dust.storms=[]", "habitat.crew=2"]
    run(load_scenario(ROOT / "scenarios" / "first-light.yaml", overrides), folder)
    return render(folder)


def test_a_browser_renders_the_report_offline(page: Path, component: Callable[..., str], tmp_path: Path) -> None:
    browser = component("chromium", "chromium-browser")
    log = tmp_path / "net.json"
    common = [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"]
    dom = subprocess.run(
        [*common, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True, timeout=120
    )
    assert "first-light" in dom.stdout
    assert "durability" in dom.stdout
    assert "http://" not in dom.stdout.replace("http://www.w3.org", "")
    assert "https://" not in dom.stdout


def test_a_browser_paints_the_report(page: Path, component: Callable[..., str], tmp_path: Path) -> None:
    browser = component("chromium", "chromium-browser")
    picture = tmp_path / "page.png"
    subprocess.run(
        [
            browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,2000",
            f"--screenshot={picture}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    import matplotlib.image

    pixels = matplotlib.image.imread(picture)
    assert pixels.shape[:2] == (2000, 1200)
    colours = {tuple(pixel) for pixel in (pixels[::7, ::7, :3].reshape(-1, 3) * 255).round().astype(int)}
    assert len(colours) > 20  # text, windows, curves, verdict colours
