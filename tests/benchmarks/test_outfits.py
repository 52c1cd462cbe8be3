"""The benchmark of `goes_with`: a rule is found, and where there is none it is no better."""

import numpy as np
import pytest

from benchmarks.outfits import MemoryIndex, folds_of, judge, main, outfits_of, table_of
from fashion.datasets.sample import make_sample
from fashion.retrieval.garment import Garment


def catalogue(rule, outfits=120):
    """Tops and shoes in four colors; with a rule the shoes have the color of the top."""
    generator = np.random.default_rng(0)
    garments, vectors = [], []
    for i in range(outfits):
        top = int(generator.integers(4))
        shoe = top if rule else int(generator.integers(4))
        for k, (category, color) in enumerate((("top", top), ("shoe", shoe))):
            vector = np.zeros(8, np.float32)
            vector[4 * k + color] = 1
            score = {f"color {color}": 1.0}
            garments.append(
                Garment(len(garments), str(i), (0.0,) * 4, category, 0.9, score, [], None)
            )
            vectors.append(vector)
    return MemoryIndex(garments, np.array(vectors))


def scores(index):
    found = judge(index, folds_of(index))
    return {name: {row[0]: row[1:] for row in table_of(rows)[1:]} for name, rows in found.items()}


def test_a_planted_rule_beats_popularity():
    model, popularity, difference, interval = scores(catalogue(rule=True))["attributes"]["recall@1"]
    assert float(model) == 1 and float(popularity) < 0.5
    assert float(difference) > 0.5 and float(interval.split(" to ")[0]) > 0.4


def test_without_a_rule_the_difference_is_near_zero():
    interval = scores(catalogue(rule=False))["attributes"]["recall@1"][3]
    low, high = map(float, interval.split(" to "))
    assert low < 0 < high or abs(low) < 0.1


def test_ranks_are_scored_by_hand():
    rows = [[(1, 2), (2, 2)], [(10, 1)], []]
    table = {row[0]: row[1:3] for row in table_of(rows)[1:]}
    assert table["MRR"] == [f"{1.6 / 3:.3f}", f"{2 / 3:.3f}"]
    assert table["recall@1"] == ["0.333", "0.333"]
    assert table["recall@5"] == ["0.667", "1.000"]
    assert table["recall@10"] == ["1.000", "1.000"]


def test_an_outfit_has_one_garment_of_a_category_and_two_categories():
    garments = [
        Garment(i, image, (0.0,) * 4, category, score, {}, [], None)
        for i, (image, category, score) in enumerate(
            [("a", "shoe", 0.5), ("a", "shoe", 0.7), ("a", "top", 0.4), ("b", "top", 0.9)]
        )
    ]
    (outfit,) = outfits_of(garments).values()
    assert {name: each.id for name, each in outfit.items()} == {"shoe": 1, "top": 2}


@pytest.mark.slow
def test_it_runs_on_a_data_set(tmp_path, capsys):
    folder = make_sample(tmp_path / "sample", train=8, val=4, size_hw=(128, 96))
    tables = main(["--data", str(folder)])
    assert set(tables) == {"category", "attributes"}
    assert "hidden garments in" in capsys.readouterr().out
