"""The writer: rows of both years, resuming after any cut, refusing foreign files, checking at the
end."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from fashion.formats import rle
from fashion.labels.ontology import Ontology
from fashion.submission.checker import check
from fashion.submission.writer import SubmissionError, SubmissionWriter

ONTOLOGY = Ontology.official(2020)
IMAGES = {"aa": (200, 150), "ab": (60, 80), "abc": (50, 50), "empty": (30, 40)}


def result_of(image_id, images=IMAGES):
    """Twelve overlapping detections, the same each time; none for "empty"."""
    rng = np.random.default_rng(len(image_id))
    count = 0 if image_id.startswith("empty") else 12
    height, width = images[image_id]
    low = rng.uniform(0, 0.6, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.1, 0.5, (count, 2))], axis=1) * [
        height,
        width,
        height,
        width,
    ]
    return {
        "boxes": boxes.astype(np.float32),
        "class_ids": rng.integers(1, 5, count).astype(np.int32),
        "scores": np.sort(rng.random(count))[::-1].astype(np.float32),
        "image_hw": (height, width),
        "mask_probabilities": rng.random((count, 7, 7)).astype(np.float32),
        "attributes": [[17, 1], [], [340]] * (count // 3),
    }


def written(path, images=IMAGES, year=2020, **options):
    with SubmissionWriter(path, images, year, Ontology.official(year), **options) as writer:
        for image_id in writer.remaining:
            writer.add(image_id, result_of(image_id, images))
        writer.finish()
    return path.read_bytes()


def test_a_file_of_2020_passes_the_check_and_reads_in_pandas(tmp_path):
    path = tmp_path / "new folder" / "submission.csv"
    written(path)
    assert check(path, IMAGES, 2020, ONTOLOGY) == []
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert list(table.columns) == ["ImageId", "EncodedPixels", "ClassId", "AttributesIds"]
    assert table.ImageId.drop_duplicates().tolist() == list(IMAGES)
    assert set(table.AttributesIds) == {"", "1,17", "340"}
    assert table[table.ImageId == "empty"].values.tolist() == [["empty", "1 1", "23", ""]]


def test_a_file_of_2019_passes_the_check(tmp_path):
    images = {f"{name}.jpg": size for name, size in IMAGES.items()}
    path = tmp_path / "submission.csv"
    with SubmissionWriter(path, images, 2019, Ontology.official(2019)) as writer:
        for image_id in images:
            writer.add(
                image_id, result_of(image_id, images) | {"attributes": [[17, 1], [], [3]] * 4}
            )
        writer.finish()
    table = pd.read_csv(path, dtype=str)
    assert list(table.columns) == ["ImageId", "EncodedPixels", "ClassId"]
    assert (
        table.ClassId.str.fullmatch(r"[0-3](_1_17|_3)?|23").all()
        and table.ClassId.str.contains("_1_17").any()
    )
    assert table[table.ImageId == "empty.jpg"].values.tolist() == [["empty.jpg", "1 1", "23"]]


def test_a_model_of_2020_writes_the_attribute_ids_of_2019(tmp_path):
    images, unknown = (
        {"aa.jpg": (40, 30)},
        max(set(ONTOLOGY.attribute_ids) - ONTOLOGY.ids_in(Ontology.official(2019))[1].keys()),
    )
    with SubmissionWriter(tmp_path / "s.csv", images, 2019, ONTOLOGY) as writer:
        one = {
            "boxes": np.float32([[0, 0, 20, 20]]),
            "class_ids": [5],
            "scores": np.float32([0.9]),
            "image_hw": (40, 30),
            "mask_probabilities": np.ones((1, 7, 7), np.float32),
            "attributes": [[147, unknown]],
        }  # hip (length)
        writer.add("aa.jpg", one)
        writer.finish()
    assert (tmp_path / "s.csv").read_text().splitlines()[1].endswith(",4_1")


def test_a_model_of_other_categories_is_refused(tmp_path):
    other = Ontology.from_dict({"categories": [{"id": 0, "name": "kimono"}], "attributes": []})
    with pytest.raises(ValueError, match="the contest of 2020 does not: kimono"):
        SubmissionWriter(tmp_path / "s.csv", IMAGES, 2020, other)


def test_masks_of_one_class_share_no_pixel(tmp_path):
    written(tmp_path / "submission.csv")
    table = pd.read_csv(tmp_path / "submission.csv", dtype=str)
    for _, rows in table[table.ImageId == "aa"].groupby("ClassId"):
        assert (
            sum(rle.decode(text, (1024, 768)).astype(int) for text in rows.EncodedPixels).max() == 1
        )


def test_nothing_is_left_beside_the_finished_file(tmp_path):
    written(tmp_path / "submission.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["submission.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("part", np.linspace(0, 1, 23))
def test_a_file_cut_anywhere_ends_as_the_whole_one(tmp_path, part):
    whole = written(tmp_path / "whole.csv")
    path = tmp_path / "cut.csv"
    SubmissionWriter(path, IMAGES, 2020, ONTOLOGY).close()
    (tmp_path / "cut.csv.partial").write_bytes(whole[: round(part * len(whole))])
    assert written(path) == whole


def test_every_cut_around_an_image_s_first_row_is_survived(tmp_path):
    whole = written(tmp_path / "whole.csv")
    path = tmp_path / "cut.csv"
    start = whole.index(b"\nabc,") + 1
    for cut in range(start - 3, start + 8):
        SubmissionWriter(path, IMAGES, 2020, ONTOLOGY, restart=True).close()
        (tmp_path / "cut.csv.partial").write_bytes(whole[:cut])
        assert written(path) == whole


def test_resuming_redoes_the_last_image_only(tmp_path):
    path = tmp_path / "submission.csv"
    with SubmissionWriter(path, IMAGES, 2020, ONTOLOGY) as writer:
        for image_id in ("aa", "ab", "abc"):
            writer.add(image_id, result_of(image_id))
    with SubmissionWriter(path, IMAGES, 2020, ONTOLOGY) as writer:
        assert writer.done == {"aa", "ab"} and writer.remaining == ["abc", "empty"]


def test_the_finished_file_is_untouched_until_the_new_one_is_right(tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text("precious")
    with SubmissionWriter(path, IMAGES, 2020, ONTOLOGY) as writer:
        writer.add("aa", result_of("aa"))
        assert path.read_text() == "precious"
        with pytest.raises(SubmissionError) as error:
            writer.finish()
    assert path.read_text() == "precious" and (tmp_path / "submission.csv.partial").exists()
    assert len(error.value.problems) == 3 and "'ab' has no row" in str(error.value)


def test_after_a_failed_check_the_missing_images_can_be_added(tmp_path):
    with SubmissionWriter(tmp_path / "submission.csv", IMAGES, 2020, ONTOLOGY) as writer:
        writer.add("aa", result_of("aa"))
        with pytest.raises(SubmissionError):
            writer.finish()
        for image_id in writer.remaining:
            writer.add(image_id, result_of(image_id))
        assert writer.finish() == tmp_path / "submission.csv"


@pytest.mark.parametrize(
    "change, named",
    [
        ({"settings": {"weights": "b.h5"}}, "weights: a.h5 there, b.h5 here"),
        ({"threshold": 0.4}, "threshold"),
        ({"min_area": 20}, "min_area"),
        ({"settings": None}, "weights"),
    ],
)
def test_a_partial_file_of_other_settings_is_refused_untouched(tmp_path, change, named):
    path = tmp_path / "submission.csv"
    with SubmissionWriter(path, IMAGES, 2020, ONTOLOGY, settings={"weights": "a.h5"}) as writer:
        writer.add("aa", result_of("aa"))
    before = (tmp_path / "submission.csv.partial").read_bytes()
    with pytest.raises(ValueError, match="restart=True") as error:
        SubmissionWriter(
            path, IMAGES, 2020, ONTOLOGY, **({"settings": {"weights": "a.h5"}} | change)
        )
    assert named in str(error.value)
    assert (tmp_path / "submission.csv.partial").read_bytes() == before


def test_settings_cannot_hide_a_change_of_threshold(tmp_path):
    with pytest.raises(ValueError, match="leave out threshold"):
        SubmissionWriter(tmp_path / "a.csv", IMAGES, 2020, ONTOLOGY, settings={"threshold": 0.5})


def test_a_partial_file_of_other_images_is_refused(tmp_path):
    path = tmp_path / "submission.csv"
    SubmissionWriter(path, IMAGES, 2020, ONTOLOGY).close()
    with pytest.raises(ValueError, match="images"):
        SubmissionWriter(path, IMAGES | {"aa": (201, 150)}, 2020, ONTOLOGY)


def test_a_partial_file_without_its_description_is_refused(tmp_path):
    (tmp_path / "submission.csv.partial").write_text(
        "ImageId,EncodedPixels,ClassId,AttributesIds\naa,1 1,23,\n"
    )
    with pytest.raises(ValueError, match="cannot be read"):
        SubmissionWriter(tmp_path / "submission.csv", IMAGES, 2020, ONTOLOGY)


def test_a_restart_begins_anew(tmp_path):
    path = tmp_path / "submission.csv"
    with SubmissionWriter(path, IMAGES, 2020, ONTOLOGY) as writer:
        writer.add("aa", result_of("aa"))
        writer.add("ab", result_of("ab"))
    with SubmissionWriter(path, IMAGES, 2020, ONTOLOGY, threshold=0.3, restart=True) as writer:
        assert writer.remaining == list(IMAGES)
    assert (
        json.loads((tmp_path / "submission.csv.partial.json").read_text())["settings"]["threshold"]
        == 0.3
    )


def test_an_image_is_on_disk_as_soon_as_it_is_added(tmp_path):
    writer = SubmissionWriter(tmp_path / "submission.csv", IMAGES, 2020, ONTOLOGY)
    writer.add("empty", result_of("empty"))
    with open(tmp_path / "submission.csv.partial", newline="") as file:
        assert list(csv.reader(file))[1:] == [["empty", "1 1", "23", ""]]
    writer.close()


def test_an_image_is_added_once_and_must_be_known_and_of_its_size(tmp_path):
    with SubmissionWriter(tmp_path / "submission.csv", IMAGES, 2020, ONTOLOGY) as writer:
        writer.add("aa", result_of("aa"))
        with pytest.raises(ValueError, match="already"):
            writer.add("aa", result_of("aa"))
        with pytest.raises(ValueError, match="not one of"):
            writer.add("zz", result_of("aa"))
        with pytest.raises(ValueError, match="photo of"):
            writer.add("ab", result_of("aa"))


def test_image_ids_are_written_as_the_year_wants_them(tmp_path):
    with pytest.raises(ValueError, match="without extension"):
        SubmissionWriter(tmp_path / "a.csv", {"aa.jpg": (9, 9)}, 2020, ONTOLOGY)
    with pytest.raises(ValueError, match="with its extension"):
        SubmissionWriter(tmp_path / "a.csv", {"aa": (9, 9)}, 2019, ONTOLOGY)


def test_the_writer_says_why_no_object_has_attributes(tmp_path):
    def writer(name, ontology=ONTOLOGY):
        return SubmissionWriter(tmp_path / name, IMAGES, 2020, ontology)

    labels = ONTOLOGY.to_dict()
    none = Ontology.from_dict(labels | {"attributes": []})
    foreign = Ontology.from_dict(labels | {"attributes": [[17, "as blue as the sea", "color"]]})
    with writer("a.csv") as unsure:
        unsure.add_nothing("empty")
        assert unsure.why_no_attributes() == ""  # no object either
        unsure.add("aa", result_of("aa") | {"attributes": [[]] * 12})
        assert "no attribute reached its least score" in unsure.why_no_attributes()
        unsure.add("ab", result_of("ab"))
        assert unsure.why_no_attributes() == ""
    with writer("b.csv", none) as without:
        without.add("aa", result_of("aa") | {"attributes": [[]] * 12})
        assert without.why_no_attributes().endswith("the model has none.")
    with writer("c.csv", foreign) as other:
        other.add("aa", result_of("aa") | {"attributes": [[17]] * 12})
        assert "in the list of 2020" in other.why_no_attributes()
