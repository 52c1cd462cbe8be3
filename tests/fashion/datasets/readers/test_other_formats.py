"""VIA, labelme, YOLO and DeepFashion2, and what is none of them."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from fashion.datasets import open_data
from fashion.formats.bad_rows import BadRows

SQUARE = [2, 3, 8, 3, 8, 9, 2, 9]  # x 2..8, y 3..9
POLYGON = {"name": "polygon", "all_points_x": SQUARE[0::2], "all_points_y": SQUARE[1::2]}
POINTS = [SQUARE[i : i + 2] for i in range(0, 8, 2)]


def via(folder, regions, name="via_region_data.json"):
    content = {
        f"{letter}1": {"filename": f"{letter}.jpg", "regions": found}
        for letter, found in zip("abc", regions)
    }
    (folder / name).write_text(json.dumps(content))
    return folder / name


def region(shape=POLYGON, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def labelme(folder, letter, shapes, **more):
    content = {"imagePath": f"{letter}.jpg", "imageHeight": 20, "imageWidth": 14, "shapes": shapes}
    (folder / f"{letter}.json").write_text(json.dumps(content | more))


def yolo(photos, lines, names="[shirt, skirt]"):
    root = photos.parent
    photos.rename(root / "images")
    (root / "labels").mkdir()
    for letter, text in zip("abc", lines):
        if text is not None:
            (root / "labels" / f"{letter}.txt").write_text(text)
    (root / "data.yaml").write_text(f"path: .\ntrain: images\nnames: {names}\n")
    return root


def deepfashion2(photos, items):
    root = photos.parent / "df2"
    (root / "annos").mkdir(parents=True)
    photos.rename(root / "image")
    for letter, row in zip("abc", items):
        (root / "annos" / f"{letter}.json").write_text(json.dumps(row))
    return root


def outline(size_hw=(20, 14)):
    return " ".join(f"{n / size_hw[1 - i % 2]:.6f}" for i, n in enumerate(SQUARE))


# What each format makes of one square on the first photo, and nothing on the others.


def a_via_file(photos):
    return via(photos, [[region(category="skirt")], [], {}])


def a_labelme_folder(photos):
    labelme(photos, "a", [{"label": "skirt", "points": POINTS, "shape_type": "polygon"}])
    labelme(photos, "b", [])
    labelme(photos, "c", [])
    return photos


def a_yolo_folder(photos):
    return yolo(photos, [f"1 {outline()}\n", "", None])


def a_deepfashion2_folder(photos):
    item = {"category_id": 9, "category_name": "skirt", "segmentation": [SQUARE]}
    about = {"source": "shop", "pair_id": 1}
    return deepfashion2(photos, [about | {"item1": item}, about, about])


MAKERS = [a_via_file, a_labelme_folder, a_yolo_folder, a_deepfashion2_folder]


@pytest.mark.parametrize("make", MAKERS)
def test_the_object_and_the_background_are_read(make, photos, opened, square):
    data = opened(make(photos))
    assert len(data.image_ids) == 3 and len(data.annotations.line) == 1
    masks, class_ids = data.load_mask(0)
    np.testing.assert_array_equal(masks[..., 0], square)
    assert data.class_names[class_ids[0]] == "skirt"
    assert data.load_image(0).shape == (20, 14, 3)


@pytest.mark.parametrize("make", MAKERS)
def test_a_missing_photo_is_a_bad_row(make, photos, opened):
    path = make(photos)
    found = next(path.parent.rglob("a.jpg") if path.is_file() else path.rglob("a.jpg"))
    found.unlink()
    if make is a_yolo_folder:  # lists its photos, not its text files
        assert len(opened(path).image_ids) == 2
        return
    with pytest.raises(BadRows, match="no such"):
        opened(path)
    assert len(opened(path, skip_bad=True).image_ids) == 2


def test_a_photo_turned_by_exif_is_annotated_as_programs_show_it(photos, opened):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 14)).save(photos / "a.jpg", exif=exif)
    data = opened(a_via_file(photos))
    assert data.load_image(0).shape == (20, 14, 3)


class TestVia:
    def test_without_attributes_all_are_one_category(self, photos, opened):
        assert opened(via(photos, [[region()], [], []])).class_names[1:] == ["object"]

    def test_a_checkbox_names_the_category(self, photos, opened):
        regions = [[region(type={"shirt": True, "skirt": False})], [], []]
        assert opened(via(photos, regions)).class_names[1:] == ["shirt"]

    def test_unclear_attributes_are_refused(self, photos):
        with pytest.raises(ValueError, match="one that holds the category"):
            open_data(via(photos, [[region(colour="x", length="y")], [], []])).ontology()

    @pytest.mark.parametrize(
        "wrong",
        [
            region({"name": "point", "cx": 1, "cy": 1}, category="skirt"),
            region(
                {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}, category="s"
            ),
            region(),
        ],
    )
    def test_a_wrong_region_is_named(self, photos, opened, wrong):
        path = via(photos, [[region(category="skirt"), wrong], [], []])
        with pytest.raises(BadRows, match="region 2"):
            opened(path)
        assert len(opened(path, skip_bad=True).annotations.line) == 1

    def test_parts_have_the_labels_of_all(self, photos):
        for part, name in (("train", "skirt"), ("val", "shirt")):
            folder = photos.parent / part
            folder.mkdir()
            via(folder, [[region(category=name)], [], []])
        assert open_data(photos.parent).ontology().category_names == ("shirt", "skirt")


class TestLabelme:
    def test_shapes_of_a_group_are_one_object(self, photos, opened):
        shape = {"label": "shirt", "shape_type": "rectangle", "group_id": 1}
        shapes = [shape | {"points": [[0, 0], [2, 2]]}, shape | {"points": [[5, 5], [3, 3]]}]
        labelme(photos, "a", shapes)
        data = opened(photos)
        assert data.load_mask(0)[0].sum(axis=(0, 1)).tolist() == [8]

    def test_a_mask_is_a_png_at_a_place(self, photos, opened):
        file = io.BytesIO()
        Image.fromarray(np.full((3, 2), 255, np.uint8)).save(file, "PNG")
        encoded = base64.b64encode(file.getvalue()).decode()
        shape = {
            "label": "shirt",
            "shape_type": "mask",
            "points": [[4, 5], [5, 7]],
            "mask": encoded,
        }
        labelme(photos, "a", [shape])
        rows, columns = np.nonzero(opened(photos).load_mask(0)[0][..., 0])
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 7, 4, 5)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"label": "x", "shape_type": "line", "points": [[1, 1], [2, 2]]},
            {"label": "x", "points": [[1, 1], [2, 2]]},
            {"label": "x", "points": "a"},
            {"label": "", "points": POINTS},
            {"label": "x", "shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "???"},
            7,
        ],
    )
    def test_a_wrong_shape_is_named(self, photos, opened, wrong):
        labelme(photos, "a", [{"label": "shirt", "points": POINTS}, wrong])
        with pytest.raises(BadRows, match="shape 2"):
            opened(photos)
        assert len(opened(photos, skip_bad=True).annotations.line) == 1

    @pytest.mark.parametrize("mask", ["???", base64.b64encode(b"no image").decode()])
    def test_a_mask_that_is_no_png_is_called_so(self, photos, opened, mask):
        shape = {"label": "x", "shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": mask}
        labelme(photos, "a", [shape])
        with pytest.raises(BadRows, match="its mask is not a PNG in base64, or is") as caught:
            opened(photos)
        assert "identify" not in str(caught.value)

    def test_a_path_of_another_computer_is_looked_up_by_name(self, photos, opened):
        labelme(photos, "a", [{"label": "x", "points": POINTS}], imagePath="C:\\me\\..\\a.jpg")
        assert opened(photos).image_info[0]["id"] == "a.jpg"


class TestYolo:
    def test_names_may_be_numbered(self, photos, opened):
        root = yolo(photos, [f"1 {outline()}"], "{0: shirt, 1: skirt}")
        assert opened(root).class_names[1:] == ["shirt", "skirt"]
        assert len(opened(root / "data.yaml").image_ids) == 3

    def test_a_box_is_taken_for_the_mask(self, photos, opened, caplog):
        data = opened(yolo(photos, ["0 0.5 0.5 1 1"]))
        assert data.load_mask(0)[0].all() and "boxes are taken" in caplog.text

    @pytest.mark.parametrize(
        "wrong", ["5 " + outline(), "0 1 2", "0 a b", "0 .1 .1 .2 .2 .3", "0 50 50 60 50 60 60"]
    )
    def test_a_wrong_line_is_named(self, photos, opened, wrong):
        root = yolo(photos, [f"1 {outline()}\n{wrong}\n"])
        with pytest.raises(BadRows, match="object 2"):
            opened(root)
        assert len(opened(root, skip_bad=True).annotations.line) == 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("names: [a]\ntrain: nowhere", "there is no"),
            ("names: [a]", "names no photos"),
            ("train: images", "has no names"),
            ("names: {1: a}\ntrain: images", "Expected 0, 1, 2"),
            ("names: [", "cannot be read as YAML"),
        ],
    )
    def test_a_wrong_data_yaml_says_why(self, photos, text, message):
        root = yolo(photos, [])
        (root / "data.yaml").write_text(text)
        with pytest.raises(ValueError, match=message):
            open_data(root / "data.yaml", reader="yolo").ontology()


def test_what_nobody_reads_is_refused_with_what_was_looked_for(photos):
    with pytest.raises(FileNotFoundError, match=r"No train\.csv.*COCO.*It contains"):
        open_data(photos)
    (photos / "x.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="Looked for.*labelme"):
        open_data(photos / "x.json")
    with pytest.raises(ValueError, match="no format 'voc'"):
        open_data(photos, reader="voc")
    with pytest.raises(FileNotFoundError, match="no folder of photos"):
        open_data(photos, images=photos / "none")
