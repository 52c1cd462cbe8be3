"""What benchmarks/index.py draws is what it says, and its steps can be measured."""

import numpy as np
import pytest

from benchmarks import index
from fashion.datasets.imaterialist import load_imaterialist
from fashion.labels.ontology import official


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    index.draw(folder, rows=400)
    return folder


def test_the_drawn_rows_are_right_and_the_photos_have_their_sizes(folder):
    dataset = load_imaterialist(folder / "train.csv", folder / "train", official(2020))
    assert (
        len(dataset.annotations.line) == 400
        and dataset.num_images == round(400 * index.PHOTOS / index.ROWS)
        and not dataset.bad_rows
    )
    assert set(np.diff(dataset.annotations.first_row)) <= {7, 8}
    runs = [text.count(" ") // 2 + 1 for i in dataset.image_ids for text in dataset.runs(i)]
    assert 0.7 < np.mean(runs) / index.RUNS < 1.3
    assert 0.7 < len(dataset.annotations.attributes) / (400 * index.LABELS / index.ROWS) < 1.3


def test_every_step_has_its_numbers(folder):
    rows = [(name, index.measure(step, folder)) for name, step in index.STEPS]
    assert all(found["seconds"] >= 0 and found["peak_mb"] > 10 for _, found in rows)
    lines = index.table(rows).splitlines()
    assert len({line.count("|") for line in lines[:7]}) == 1 and lines[-1].startswith(
        "first to later: CSV"
    )
