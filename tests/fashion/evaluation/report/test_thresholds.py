"""The chapter of thresholds: the grid of AP with and without the F1 of the attributes."""

import pytest

from fashion.evaluation.report import thresholds

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl")


class Recorded:
    """A page that keeps what it is given."""

    def __init__(self):
        self.tables, self.sections = [], []

    def section(self, title):
        self.sections.append(title)

    def table(self, rows):
        self.tables.append(rows)

    def __getattr__(self, name):
        return lambda *_, **__: None


@pytest.mark.usefixtures("undrawn")
def test_ap_has_a_table_by_score_threshold():
    numbers = {name: [0.5, 0.25] for name in NAMES} | {"APs": [-1, -1]}
    grid = {
        "metric": "f1_ap",
        "score_thresholds": [0.0, 0.5],
        "attribute_thresholds": [0.4],
        "values": [[0.25], [0.125]],
        "numbers": {"segm": numbers, "bbox": numbers},
    }
    page = Recorded()
    thresholds.add_chapter(page, {"grid": grid})
    assert page.sections == ["Score threshold by attribute threshold", "AP by score threshold"]
    header, first, second = page.tables[1]
    assert header[:3] == ["score", "masks AP", "masks AP50"] and header[7] == "boxes AP"
    assert first[:5] == ["0", "0.500", "0.500", "0.500", "–"] and second[0:2] == ["0.5", "0.250"]
