import logging
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion.datasets.imaterialist import load_imaterialist
from fashion.datasets.label_counts import label_counts
from fashion.datasets.splits import Split
from fashion.formats.annotation_csv import BadRows
from fashion.labels.ontology import official
from mrcnn.config import Config
from mrcnn.data.loading.load_example import Augmentation, load_example
from mrcnn.data.resize import make_placement


def load(folder, year=2020, **options):
    return load_imaterialist(folder / "train.csv", folder / "train", official(year), **options)


@pytest.mark.parametrize("year", [2019, 2020])
def test_both_years_give_the_masks_that_were_written(make_folder, year):
    dataset = load(make_folder(year), year)
    assert dataset.year == year
    assert [info["id"].removesuffix(".jpg") for info in dataset.image_info] == ["a", "b", "c"]
    rows = make_folder.rows_of(year)
    for i, of_image in enumerate(([0, 2], [1, 4], [3])):
        masks, class_ids = dataset.load_mask(i)
        attributes = dataset.load_instance_fields(i)["gt_attributes"]
        for n, row in enumerate(of_image):
            _, mask, category, real_ids = rows[row]
            np.testing.assert_array_equal(masks[:, :, n], mask)
            assert class_ids[n] == category + 1 and official(year).ids_of(attributes[n]) == real_ids


def test_photos_are_found_with_and_without_extension(make_folder):
    for year in (2019, 2020):
        dataset = load(make_folder(year), year)
        assert dataset.image_info[0]["path"].endswith("a.jpg")
        assert (
            dataset.image_reference(0)
            == dataset.image_info[0]["id"]
            == ("a.jpg" if year == 2019 else "a")
        )


def test_a_missing_photo_is_a_bad_row_for_each_of_its_objects(make_folder):
    folder = make_folder(2020)
    (folder / "train" / "a.jpg").unlink()
    with pytest.raises(BadRows) as caught:
        load(folder)
    assert [(row.line, row.image_id) for row in caught.value.rows] == [(2, "a"), (4, "a")]
    assert "no such image" in str(caught.value)


@pytest.mark.parametrize(
    "spoil,reason",
    [
        (lambda path, make: path.write_bytes(b"nothing"), "cannot be read as an image"),
        (lambda path, make: path.write_bytes(b""), "cannot be read as an image"),
        (
            lambda path, make: make.write_images(path.parent, ["b"], (14, 20)),
            "but the image is 14 high and 20 wide",
        ),
    ],
)
def test_a_photo_that_does_not_fit_is_a_bad_row(make_folder, spoil, reason):
    folder = make_folder(2020)
    spoil(folder / "train" / "b.jpg", make_folder)
    with pytest.raises(BadRows, match=reason) as caught:
        load(folder)
    assert {row.image_id for row in caught.value.rows} == {"b"}
    dataset = load(
        folder, check_images=False
    )  # and without the check it is found when it is loaded
    with pytest.raises((ValueError, OSError), match="b.jpg"):
        dataset.load_image(1)


def turn(path, pixels):
    """Save (h, w, 3) pixels as a telephone does: lying on their side, with an EXIF orientation that
    sets them upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(pixels).copy()).save(path, exif=exif, quality=95, subsampling=0)


def test_a_photo_that_was_annotated_upright_and_stored_turned_is_read_upright(make_folder):
    folder, pixels = make_folder(2020), np.full((20, 14, 3), 60, np.uint8)
    pixels[:8, :] = 250
    turn(folder / "train" / "b.jpg", pixels)
    for check_images in (True, False):
        dataset = load(folder, check_images=check_images)
        photo = dataset.load_image(1).astype(int)
        assert photo.shape == (20, 14, 3) and (photo[:7] > 230).all() and (photo[9:] < 80).all()
        assert dataset.load_mask(1)[0].shape == (20, 14, 2)
        assert dataset.load_image_at_least(1, (5, 3)).shape == (5, 4, 3)


@pytest.fixture
def with_empty(make_folder):
    """The folder of 2020, in which b has no objects."""
    rows = [row for row in make_folder.rows_of(2020) if row[0] != "b"]
    return make_folder(2020, [rows[0], ["b", "", "", []], *rows[1:]])


def test_an_image_without_objects_is_one_of_the_images(with_empty):
    dataset = load(with_empty)
    assert [info["id"] for info in dataset.image_info] == ["a", "b", "c"] and dataset.load_image(
        1
    ).shape == (20, 14, 3)
    masks, class_ids = dataset.load_mask(1)
    assert (
        masks.shape == (20, 14, 0)
        and masks.dtype == bool
        and class_ids.shape == (0,)
        and dataset.runs(1) == []
    )
    runs, class_ids, fields = dataset.load_objects(1)
    assert len(runs) == len(class_ids) == 0 and fields["gt_attributes"].shape == (0, 294)
    assert runs.to_canvas(make_placement((20, 14), (32, 32))).dense().shape == (32, 32, 0)
    coco = dataset.to_coco()
    assert [image["id"] for image in coco["images"]] == [0, 1, 2] and {
        a["image_id"] for a in coco["annotations"]
    } == {0, 2}
    assert dataset.subset(["b"]).num_images == 1 and label_counts(dataset).all()[1].sum() == 0


def test_an_image_without_objects_teaches_background(with_empty):
    config = Config.from_dict({"NUM_CLASSES": 47, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64})
    example = load_example(
        load(with_empty), 1, config, Augmentation(partner=0), np.random.default_rng(0)
    )
    assert example["image"].shape == (64, 64, 3) and example["gt_attributes"].shape[0] == len(
        example["gt_class_ids"]
    )
    example = load_example(load(with_empty), 1, config)
    assert example["gt_boxes"].shape == (0, 4) and example["gt_masks"].shape[0] == 0


def test_an_image_without_objects_whose_photo_is_missing_is_a_bad_row(with_empty):
    (with_empty / "train" / "b.jpg").unlink()
    with pytest.raises(BadRows) as caught:
        load(with_empty)
    assert [(row.line, row.image_id) for row in caught.value.rows] == [(3, "b")]
    assert [info["id"] for info in load(with_empty, skip_bad=True).image_info] == ["a", "c"]


def test_an_image_without_objects_is_sent_to_other_processes(with_empty):
    dataset = load(with_empty)
    assert same(pickle.loads(pickle.dumps(dataset)), dataset)


def test_an_image_without_objects_is_held_out_as_others_are(with_empty):
    dataset = load(with_empty)
    for kind in ("stratified", "random"):
        held_out = {
            name
            for k in (1, 2, 3)
            for name in Split(kind=kind, fold=(k, 3), near_duplicates=False).held_out(dataset)
        }
        assert held_out == {"a", "b", "c"}


def test_a_photo_that_is_cut_off_is_a_bad_row_and_one_with_an_appendix_is_not(make_folder):
    folder = make_folder(2020)
    whole = (folder / "train" / "b.jpg").read_bytes()
    (folder / "train" / "b.jpg").write_bytes(whole + bytes(5000))
    assert load(folder).num_images == 3
    (folder / "train" / "b.jpg").write_bytes(whole[: -len(whole) // 3])
    with pytest.raises(BadRows, match="b.jpg cannot be read as an image"):
        load(folder)


def test_bad_rows_of_every_kind_are_reported_together(make_folder):
    rows = make_folder.rows_of(2020)
    rows[0][1], rows[3][2] = "1 2 3", 99
    folder = make_folder(2020, rows)
    (folder / "train" / "b.jpg").unlink()
    with pytest.raises(BadRows) as caught:
        load(folder)
    assert [row.line for row in caught.value.rows] == [2, 3, 5, 6]


def test_bad_rows_can_be_skipped_and_are_logged(make_folder, caplog):
    rows = make_folder.rows_of(2020)
    rows[0][1], rows[3][2] = "1 2 3", 99  # one of a's two rows, and c's only row
    with caplog.at_level(logging.WARNING):
        dataset = load(make_folder(2020, rows), skip_bad=True)
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    assert dataset.image_class_ids(0).tolist() == [24] and [
        row.line for row in dataset.bad_rows
    ] == [2, 5]
    assert "line 2 (image a): an odd number" in caplog.text and "line 5" in caplog.text
    np.testing.assert_array_equal(dataset.load_mask(0)[0][:, :, 0], make_folder.square(4, 3, 8))


def test_nothing_left_is_an_error_even_when_skipping(make_folder):
    rows = [[*row[:2], 99, []] for row in make_folder.rows_of(2020)]
    with pytest.raises(
        ValueError, match="train.csv has no rows that can be used .* line 2 .*category 99"
    ) as error:
        load(make_folder(2020, rows), skip_bad=True)
    assert "--skip-bad" not in str(error.value)  # which was given
    with pytest.raises(ValueError, match="no rows"):
        load(make_folder(2020, []))


def test_the_wrong_folder_of_photos_is_said_once(make_folder, tmp_path):
    folder = make_folder(2020)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="None of the 3 images"):
        load_imaterialist(folder / "train.csv", tmp_path / "empty", official(2020))
    with pytest.raises(FileNotFoundError, match="no folder of photos"):
        load_imaterialist(folder / "train.csv", tmp_path / "none", official(2020))


def test_photos_may_be_spread_over_folders(make_folder, tmp_path):
    folder = make_folder(2020)
    (tmp_path / "more").mkdir()
    (folder / "train" / "c.jpg").rename(tmp_path / "more" / "c.jpg")
    dataset = load_imaterialist(
        folder / "train.csv", [folder / "train", tmp_path / "more"], official(2020)
    )
    assert dataset.num_images == 3 and dataset.load_image(2).shape == (20, 14, 3)


def test_some_images_only(make_folder):
    dataset = load(make_folder(2020), image_ids=["c", "a"])
    assert [info["id"] for info in dataset.image_info] == ["a", "c"]
    assert dataset.load_mask(1)[1].tolist() == [11]
    with pytest.raises(ValueError, match="not in this dataset"):
        dataset.subset(["b"])


@pytest.fixture
def large(make_folder, tmp_path):
    """A dataset of 2000 photos, which are empty files."""
    folder, mask = tmp_path / "large", make_folder.square(3, 4, 5)
    (folder / "train").mkdir(parents=True)
    names = [f"{i:032x}" for i in range(2000)]
    for name in names:
        (folder / "train" / f"{name}.jpg").touch()
    make_folder.write_csv(
        folder / "train.csv",
        [[name, mask, i % 46, [i % 200]] for i, name in enumerate(names)],
        2020,
    )
    return load(folder, check_images=False)


def same(a, b):
    assert vars(a).keys() == vars(b).keys()
    for name in vars(a).keys() - {"annotations"}:
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for i in (0, len(a.annotations.image_ids) - 1):
        assert (
            a.runs(i) == b.runs(i)
            and a.image_class_ids(i).tolist() == b.image_class_ids(i).tolist()
        )
    return True


def test_a_dataset_is_sent_as_a_few_kilobytes(large):
    labels = len(pickle.dumps((large.ontology, large.class_info)))
    part = large.subset([info["id"] for info in large.image_info[::3]])
    for dataset in (large, part, part.subset([part.image_info[5]["id"]])):
        message = pickle.dumps(dataset)
        assert len(message) < labels + 5_000 and same(
            pickle.loads(message), dataset
        )  # a byte a photo, and some names


def test_changes_of_image_info_are_sent_too(large):
    large.image_info[7]["source"] = "drawn"
    large.add_image("more", "x", "elsewhere/x.png", height=5, width=4)
    large.prepare()
    assert same(pickle.loads(pickle.dumps(large)), large) and large.num_images == 2001


def test_photos_of_several_folders_and_endings_keep_their_paths(make_folder, tmp_path):
    folder = make_folder(2020)
    (tmp_path / "c").mkdir()
    (folder / "train" / "c.jpg").rename(
        tmp_path / "c" / "c.png"
    )  # the id occurs twice in this path
    dataset = load_imaterialist(
        folder / "train.csv", [folder / "train", tmp_path / "c"], official(2020)
    )
    sent = pickle.loads(pickle.dumps(dataset))
    assert sent.image_info == dataset.image_info and sent.image_info[2]["path"] == str(
        tmp_path / "c" / "c.png"
    )


def test_another_process_finds_the_same_masks(make_folder, tmp_path):
    dataset = load(make_folder(2020))
    (tmp_path / "dataset").write_bytes(pickle.dumps(dataset.subset(["a", "c"])))
    code = """
import pickle, sys
dataset = pickle.load(open(sys.argv[1], "rb"))
masks, class_ids = dataset.load_mask(1)
print(masks.shape, masks.sum(), class_ids, dataset.load_image(1).shape)
"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "dataset")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert found.stdout == "(20, 14, 1) 280 [11] (20, 14, 3)\n"


def test_a_second_start_is_the_first_and_says_the_same_of_bad_rows(make_folder, monkeypatch):
    monkeypatch.delenv("FASHION_CACHE_DIR", raising=False)
    rows = make_folder.rows_of(2020)
    rows[0][1], rows[3][2] = "1 2 3", 99
    folder = make_folder(2020, rows)
    first, second = (load(folder, skip_bad=True) for _ in range(2))
    assert second.bad_rows == first.bad_rows and len(first.bad_rows) == 2 and same(first, second)
    with pytest.raises(BadRows) as caught:
        load(folder)
    assert caught.value.rows == first.bad_rows
    assert sorted(path.name.split("-")[0] for path in folder.iterdir()) == [
        "train",
        "train.csv",
        "train.csv.rows",
        "train.photos.index",
    ]


def test_what_is_returned_may_be_changed(make_folder):
    dataset = load(make_folder(2020))
    dataset.load_mask(0)[1][:] = 0
    assert dataset.load_mask(0)[1].tolist() == [1, 24]


def test_objects_and_their_attributes_are_counted(validation):
    """As a loop over the ground truth counts them."""
    expected = np.zeros(
        (validation.ontology.num_classes - 1, 1 + validation.ontology.num_attributes), int
    )
    for row in validation.to_coco()["annotations"]:
        category = validation.ontology.class_id_of(row["category_id"]) - 1
        expected[category, 0] += 1
        for i in row["attribute_ids"]:
            expected[category, 1 + validation.ontology.attribute_index_of(i)] += 1
    assert (validation.attribute_counts() == expected).all() and expected[:, 1:].sum() > 10
