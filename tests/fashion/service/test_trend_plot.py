"""What the plots of the page compute: the same as the library."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fashion.formats.dates import PERIODS, name_of, place_of
from fashion.pages.text import percent

PLOTS = Path(__file__).parents[3] / "fashion/service/page/trend_plot.js"
SHARES = [0, 1, 0.5, 0.0996, 0.0994, 0.0949, 0.01, 0.0094, 0.0096, 0.001, 1e-4, 0.333, 0.999]
SCRIPT = """
import fs from "node:fs";
const { percent, placeOf } = await import(process.argv[2]);
const { shares, periods } = JSON.parse(fs.readFileSync(0, "utf8"));
const texts = shares.map(percent);
process.stdout.write(JSON.stringify({ texts, places: periods.map((p) => p.map(placeOf)) }));
"""


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    folder = tmp_path_factory.mktemp("plots")
    for path in PLOTS.parent.glob("*.js"):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.mjs").write_text(SCRIPT)
    given = json.dumps({"shares": SHARES, "periods": [names(period) for period in PERIODS]})
    command = ["node", str(folder / "run.mjs"), str(folder / PLOTS.name)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def names(period):
    """Periods from the middle of 2019 to the end of 2026, over years of 52 and 53 weeks."""
    first, last = place_of("2019-07-01", period), place_of("2026-12-31", period)
    return [name_of(place, period) for place in range(first, last + 1)]


def test_shares_are_written_as_in_the_summary(computed):
    assert computed["texts"] == [percent(share) for share in SHARES]


@pytest.mark.parametrize("period", PERIODS)
def test_neighboring_periods_are_one_apart(computed, period):
    places = computed["places"][PERIODS.index(period)]
    assert places == list(range(places[0], places[0] + len(places)))
