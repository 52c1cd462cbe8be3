import csv
import json

import cv2
import numpy as np
import pytest

from fashion.datasets.sample import labels as L
from fashion.datasets.sample import make_sample, write
from fashion.datasets.sample.canvas import Canvas, visible
from fashion.datasets.sample.figure import Frame, random_figure
from fashion.datasets.sample.garments import draw_garment, room_under
from fashion.datasets.sample.outfit import HEMS, Garment
from fashion.datasets.sample.patterns import CONTRAST, Cloth, luma, random_pair
from fashion.datasets.sample.scene import SMALLEST_AREA, draw_doll, draw_scene
from fashion.formats.rle import check_runs, decode
from fashion.labels.ontology import Ontology

SIZE_HW = (288, 192)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample data set as everybody gets it, but for the number of pictures to train on."""
    return make_sample(tmp_path_factory.mktemp("sample") / "dolls", train=40)


def rows_of(folder, split):
    with open(folder / f"{split}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def attributes_of(row):
    return [int(i) for i in row["AttributesIds"].split(",")] if row["AttributesIds"] else []


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# ---- files


def test_it_has_kaggles_columns_and_one_picture_an_id(sample):
    rows = rows_of(sample, "train")
    assert list(rows[0]) == [
        "ImageId",
        "EncodedPixels",
        "Height",
        "Width",
        "ClassId",
        "AttributesIds",
    ]
    ids = {row["ImageId"] for split in ("train", "val") for row in rows_of(sample, split)}
    assert ids == {path.stem for path in (sample / "images").glob("*.jpg")}
    assert len({row["ImageId"] for row in rows}) == 40
    for image_id in sorted(ids)[:5]:
        assert cv2.imread(str(sample / "images" / f"{image_id}.jpg")).shape == (*SIZE_HW, 3)


def test_every_mask_lies_inside_its_picture(sample):
    for row in rows_of(sample, "train") + rows_of(sample, "val"):
        assert (int(row["Height"]), int(row["Width"])) == SIZE_HW
        assert check_runs(row["EncodedPixels"], SIZE_HW) is None


def test_attributes_are_ascending_and_some_cells_are_empty(sample):
    lists = [attributes_of(row) for row in rows_of(sample, "train")]
    assert all(ids == sorted(set(ids)) for ids in lists)
    assert any(not ids for ids in lists)


def test_the_labels_are_the_official_ones_that_occur(sample):
    rows = rows_of(sample, "train") + rows_of(sample, "val")
    described = json.loads((sample / "label_descriptions.json").read_text())
    official = Ontology.official(2020)
    assert [c["id"] for c in described["categories"]] == sorted(
        {int(row["ClassId"]) for row in rows}
    )
    occurring = {i for row in rows for i in attributes_of(row)}
    assert [a["id"] for a in described["attributes"]] == sorted(occurring)
    names = dict(zip(official.category_ids, official.category_names))
    names_a = dict(zip(official.attribute_ids, official.attribute_names))
    assert all(c["name"] == names[c["id"]] for c in described["categories"])
    assert all(a["name"] == names_a[a["id"]] for a in described["attributes"])
    assert (
        Ontology.from_file(sample / "label_descriptions.json").carries_attributes(L.SHOE) is False
    )


@pytest.mark.parametrize(
    "constant, name",
    [
        ("SHIRT", "shirt, blouse"),
        ("COAT", "coat"),
        ("LAPEL", "lapel"),
        ("TIGHTS", "tights, stockings"),
    ],
)
def test_category_constants_have_the_official_meaning(constant, name):
    official = Ontology.official(2020)
    assert official.category_names[official.category_ids.index(getattr(L, constant))] == name


@pytest.mark.parametrize(
    "constant, name",
    [
        ("STRIPE", "stripe"),
        ("A_LINE", "a-line"),
        ("KNEE", "knee (length)"),
        ("V_NECK", "v-neck"),
        ("SHORT", "short (length)"),
        ("DOUBLE_BREASTED", "double breasted"),
        ("SHAWL_LAPEL", "shawl (lapel)"),
        ("FLAP_POCKET", "flap (pocket)"),
        ("PUFF_SLEEVE", "puff (sleeve)"),
        ("LOOSE_FIT", "loose (fit)"),
        ("SHIRT_COLLAR", "shirt (collar)"),
    ],
)
def test_attribute_constants_have_the_official_meaning(constant, name):
    official = Ontology.official(2020)
    assert official.attribute_names[official.attribute_ids.index(getattr(L, constant))] == name


# ---- variety


def test_there_are_many_categories_and_attributes(sample):
    rows = rows_of(sample, "train")
    assert len({row["ClassId"] for row in rows}) >= 20
    assert len({i for row in rows for i in attributes_of(row)}) >= 30


def test_every_category_and_attribute_of_train_occurs_in_val(sample):
    train, val = rows_of(sample, "train"), rows_of(sample, "val")
    assert {row["ClassId"] for row in train} <= {row["ClassId"] for row in val}
    assert {i for row in train for i in attributes_of(row)} <= {
        i for row in val for i in attributes_of(row)
    }


def test_only_the_official_categories_carry_attributes(sample):
    official = Ontology.official(2020)
    for row in rows_of(sample, "train"):
        if attributes_of(row):
            assert official.carries_attributes(int(row["ClassId"]))


def test_every_main_garment_has_exactly_one_pattern(sample):
    patterns = {L.PLAIN, L.STRIPE, L.CHECK, L.DOT, L.FLORAL}
    for row in rows_of(sample, "train"):
        if int(row["ClassId"]) in L.MAIN_GARMENTS:
            assert len(patterns & set(attributes_of(row))) == 1


# ---- what is annotated can be seen


def test_patterned_garments_vary_more_than_plain_ones(sample):
    spread = {L.PLAIN: [], L.STRIPE: [], L.CHECK: [], L.DOT: [], L.FLORAL: []}
    by_image = {}
    for row in rows_of(sample, "val"):
        by_image.setdefault(row["ImageId"], []).append(row)
    for image_id, rows in by_image.items():
        grey = cv2.imread(str(sample / "images" / f"{image_id}.jpg"), cv2.IMREAD_GRAYSCALE)
        parts = np.zeros(SIZE_HW, bool)
        for row in rows:
            if int(row["ClassId"]) in L.GARMENT_PARTS:
                parts |= decode(row["EncodedPixels"], SIZE_HW)
        for row in rows:
            body = decode(row["EncodedPixels"], SIZE_HW) & ~parts
            pattern = set(attributes_of(row)) & set(spread)
            if pattern and body.sum() > 400:
                spread[pattern.pop()].append(grey[body].std())
    plain = np.median(spread.pop(L.PLAIN))
    assert all(np.median(values) > 1.7 * plain for values in spread.values())


def test_stripes_change_along_one_direction_only():
    v, u = np.mgrid[0:0.5:50j, 0:0.5:50j].astype(np.float32)
    lying = Cloth(
        L.STRIPE, (0, 0, 0), (255, 255, 255), (0, 0, 0), 0.1, upright=False, phase=0
    ).texture(u, v)
    assert lying.std(axis=1).max() == 0 and lying.std(axis=0).min() > 100


def test_the_colours_of_a_pattern_differ():
    rng = np.random.default_rng(0)
    for _ in range(50):
        first, second = random_pair(rng)
        assert abs(luma(first) - luma(second)) >= CONTRAST


def test_lengths_do_not_overlap():
    ranges = sorted(HEMS.values())
    assert all(low[1] + 0.03 < high[0] for low, high in zip(ranges, ranges[1:]))


def test_what_a_closed_coat_hides_is_not_annotated():
    cloth = Cloth(L.PLAIN, (0, 0, 0), (0, 0, 0), (0, 0, 0), 0.1, False, 0)
    dress = Garment(L.DRESS, cloth, L.MINI, 0.62, L.FLARE, neckline=L.V_NECK, opening=L.NO_OPENING)
    coat = Garment(
        L.COAT, cloth, L.KNEE, 0.74, L.STRAIGHT, opening=L.SINGLE_BREASTED, sleeve=(L.WRIST,)
    )
    assert dress.attribute_ids() == [L.FLARE, L.MINI, L.SLEEVELESS, L.NO_OPENING, L.PLAIN]
    assert dress.attribute_ids(outer=coat) == [L.PLAIN]


# ---- layers


@pytest.mark.slow
def test_only_parts_share_pixels():
    for index in range(25):
        picture, instances = draw_scene(np.random.default_rng([5, index]), SIZE_HW)
        whole = [one.mask for one in instances if one.category_id not in L.GARMENT_PARTS]
        assert np.sum(whole, axis=0).max() == 1
        assert all(one.mask.sum() >= SMALLEST_AREA for one in instances)
        assert picture.shape == (*SIZE_HW, 3)


def test_a_part_lies_on_a_garment_of_its_figure():
    for index in range(10):
        canvas = Canvas(np.zeros((512, 384, 3), np.uint8))
        draw_doll(canvas, np.random.default_rng([6, index]), Frame(450.0, (192.0, 490.0)))
        garments = np.zeros((512, 384), np.uint8)
        for one in canvas.instances:
            if one.category_id in L.MAIN_GARMENTS:
                garments |= one.mask
        parts = [one.mask for one in canvas.instances if one.category_id in L.GARMENT_PARTS]
        assert all(not (part & ~garments).any() for part in parts)


def test_clothes_stay_under_the_coat_down_to_its_hem():
    cloth = Cloth(L.PLAIN, (9, 9, 9), (9, 9, 9), (9, 9, 9), 0.1, False, 0)
    coat = Garment(
        L.COAT, cloth, L.KNEE, 0.74, L.STRAIGHT, sleeve=(L.WRIST,), opening=L.SINGLE_BREASTED
    )
    dress = Garment(L.DRESS, cloth, L.MAXI, 0.92, L.FLARE, neckline=L.V_NECK, opening=L.NO_OPENING)
    figure = random_figure(np.random.default_rng(0), Frame(400.0, (150.0, 410.0)), True)
    canvas = Canvas(np.zeros((430, 300, 3), np.uint8))
    room = room_under(canvas, figure, coat)
    worn, outer = canvas.instance(L.DRESS), canvas.instance(L.COAT)
    draw_garment(canvas, figure, dress, worn, room)
    draw_garment(canvas, figure, coat, outer)
    hem = int(figure.frame.to_canvas((0, coat.hem_y))[1])
    assert not worn.mask[: hem - 6].any() and worn.mask[hem + 20 :].sum() > 1000


def test_paint_takes_pixels_from_all_but_its_owners():
    canvas = Canvas(np.zeros((64, 64, 3), np.uint8))
    dress, sleeve, bag = canvas.instance(L.DRESS), canvas.instance(L.SLEEVE), canvas.instance(L.BAG)
    square = np.zeros((64, 64), np.uint8)
    square[10:30, 10:30] = 255
    canvas.paint(square, (200, 0, 0), [dress])
    canvas.paint(np.roll(square, 10, axis=1), (200, 0, 0), [dress, sleeve])
    assert ((dress.mask > 0).sum(), (sleeve.mask > 0).sum()) == (600, 400)
    canvas.paint(np.roll(square, 10, axis=0), (0, 0, 200), [bag])
    assert [(one.mask > 0).sum() for one in (dress, sleeve, bag)] == [400, 300, 400]


def test_averaging_down_keeps_neighbours_apart_and_leaves_no_gap():
    left = np.zeros((8, 8), np.uint8)
    left[:, :3] = 255  # cuts the second column of picture pixels in half
    assert (visible(left) ^ visible(255 - left)).all()


# ---- reproducible


def test_pictures_depend_on_the_seed_and_not_on_the_count(tmp_path):
    few = contents(make_sample(tmp_path / "few", train=2, val=1, size_hw=(96, 72)))
    more = contents(make_sample(tmp_path / "more", train=4, val=2, size_hw=(96, 72)))
    other = contents(make_sample(tmp_path / "other", train=2, val=1, size_hw=(96, 72), seed=1))
    pictures = [name for name in few if name.endswith(".jpg")]
    assert len(pictures) == 3
    assert all(few[name] == more[name] != other[name] for name in pictures)
    assert more["train.csv"].startswith(few["train.csv"])


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    assert contents(make_sample(tmp_path / "a", train=3, val=1, size_hw=(96, 72))) == contents(
        make_sample(tmp_path / "b", train=3, val=1, size_hw=(96, 72))
    )


def test_a_complete_folder_is_reused(tmp_path, monkeypatch):
    folder = make_sample(tmp_path / "a", train=1, val=1, size_hw=(96, 72))
    monkeypatch.setattr(write, "draw_scene", None)  # drawing would fail
    assert make_sample(tmp_path / "a", train=1, val=1, size_hw=(96, 72)) == folder


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(FileExistsError, match="another folder"):
        make_sample(tmp_path, train=1, val=0)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_an_older_sample_gives_way(tmp_path, monkeypatch):
    folder = make_sample(tmp_path / "a", train=2, val=1, size_hw=(96, 72))
    before = contents(folder)
    (folder / "train.csv.rows-1234.index").write_text("what was found out about it")
    monkeypatch.setattr(write, "DRAWING_VERSION", 999)
    assert contents(make_sample(folder, train=1, val=1, size_hw=(96, 72))).keys() < before.keys()
    (folder / "diary.txt").write_text("dear diary")
    with pytest.raises(FileExistsError, match="another folder"):
        make_sample(folder, train=2, val=1, size_hw=(96, 72))


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "a").mkdir()
    assert (make_sample(tmp_path / "a", train=1, val=0, size_hw=(96, 72)) / "train.csv").exists()


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(rng, size_hw):
        raise RuntimeError("out of paint")

    monkeypatch.setattr(write, "draw_scene", fail)
    with pytest.raises(RuntimeError, match="out of paint"):
        make_sample(tmp_path / "a", train=1, val=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [dict(train=-1), dict(train=0, val=0), dict(seed=-1), dict(size_hw=(32, 32))]
)
def test_impossible_arguments_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="Got"):
        make_sample(tmp_path / "a", **wrong)
