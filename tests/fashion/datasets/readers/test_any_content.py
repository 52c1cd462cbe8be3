"""Whatever a file of annotations holds, there is a data set or a clear error."""

import copy
import json
import random

import pytest
from PIL import Image

from fashion.datasets import open_data
from fashion.datasets.splits import load_files

OUTLINE = [2, 3, 8, 3, 8, 9, 2, 9]
STRANGE = [
    None,
    True,
    -1,
    0,
    1.5,
    float("nan"),
    float("inf"),
    10**30,
    "",
    "x",
    "../a.jpg",
    "a.jpg\0",
    [],
    [1],
    [[]],
    [[1, 2]],
    {},
    {"a": 1},
    [None],
    "é",
]
COCO = {
    "images": [
        {
            "id": i,
            "file_name": f"{letter}.jpg",
            "height": 20,
            "width": 14,
            "neg_category_ids": [9],
            "not_exhaustive_category_ids": [5],
        }
        for i, letter in enumerate("abc", start=1)
    ],
    "categories": [{"id": 5, "name": "shirt"}, {"id": 9, "name": "skirt", "supercategory": "x"}],
    "attributes": [{"id": 3, "name": "red"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 5, "segmentation": [OUTLINE], "attribute_ids": [3]},
        {
            "id": 2,
            "image_id": 2,
            "category_id": 9,
            "iscrowd": 1,
            "segmentation": {"size": [20, 14], "counts": [0, 40, 240]},
        },
        {"id": 3, "image_id": 2, "category_id": 9, "bbox": [1, 1, 5, 5]},
    ],
}
VIA = {
    f"{letter}1": {
        "filename": f"{letter}.jpg",
        "size": 1,
        "regions": [
            {
                "shape_attributes": {
                    "name": "polygon",
                    "all_points_x": OUTLINE[0::2],
                    "all_points_y": OUTLINE[1::2],
                },
                "region_attributes": {"category": "shirt"},
            },
            {
                "shape_attributes": {"name": "circle", "cx": 5, "cy": 5, "r": 3},
                "region_attributes": {"category": "skirt"},
            },
        ],
    }
    for letter in "abc"
}
LABELME = {
    "imagePath": "a.jpg",
    "imageHeight": 20,
    "imageWidth": 14,
    "shapes": [
        {
            "label": "shirt",
            "points": [[2, 3], [8, 3], [8, 9]],
            "shape_type": "polygon",
            "group_id": 1,
        },
        {"label": "skirt", "points": [[2, 3], [8, 9]], "shape_type": "rectangle", "group_id": None},
        {"label": "skirt", "points": [[2, 3], [4, 3]], "shape_type": "mask", "mask": "iVBOR"},
    ],
}
DEEPFASHION2 = {
    "source": "user",
    "pair_id": 1,
    "item1": {"category_id": 1, "category_name": "vest", "segmentation": [OUTLINE]},
    "item2": {"category_id": 13, "segmentation": [OUTLINE, OUTLINE]},
}
FORMATS = {"coco": COCO, "via": VIA, "labelme": LABELME, "deepfashion2": DEEPFASHION2}


def places(value, path=()):
    """The path of everything inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))


def changed(content, rng):
    """The content with one to three values replaced, removed or copied."""
    content = copy.deepcopy(content)
    for _ in range(rng.randint(1, 3)):
        options = list(places(content))
        if not options:
            break
        *above, key = rng.choice(options)
        parent = content
        for step in above:
            parent = parent[step]
        action = rng.random()
        if action < 0.15:
            del parent[key]
        elif action < 0.3 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        else:
            parent[key] = copy.deepcopy(rng.choice(STRANGE))
    return content


def write(folder, name, content, rng):
    for letter in "abc":
        Image.new("RGB", (14, 20)).save(folder / f"{letter}.jpg")
    text = json.dumps(content)
    if rng.random() < 0.05:
        text = text[: rng.randrange(len(text))]
    if name == "deepfashion2":
        (folder / "annos").mkdir()
        (folder / "annos" / "a.json").write_text(text)
    else:
        (folder / ("a.json" if name == "labelme" else "data.json")).write_text(text)
    return folder if name in ("labelme", "deepfashion2") else folder / "data.json"


def read_all(path, name):
    files = open_data(path, reader=name)
    data = load_files(files, files.train, files.ontology(), skip_bad=True)
    for image_id in map(int, data.image_ids):
        masks, class_ids, fields = data.load_objects(image_id)
        assert len(masks) == len(class_ids) == len(fields["gt_attributes"])
        assert data.load_image(image_id).shape[:2] == data.image_hw(image_id)
        assert (masks.areas > 0).all()
    data.to_coco()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seed", range(40))
def test_any_json_is_read_or_refused(name, seed, tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_CACHE_DIR", str(tmp_path / "cache"))
    rng = random.Random(f"{name}{seed}")
    folder = tmp_path / "data"
    folder.mkdir()
    path = write(folder, name, changed(FORMATS[name], rng), rng)
    try:
        read_all(path, name)
    except (ValueError, OSError) as error:
        assert "\n" not in str(error).strip() or "cannot be used" in str(error)


@pytest.mark.parametrize("seed", range(40))
def test_any_yolo_file_is_read_or_refused(seed, tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_CACHE_DIR", str(tmp_path / "cache"))
    rng = random.Random(seed)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (14, 20)).save(tmp_path / "images" / "a.jpg")
    words = ["0", "1", "7", "-1", "0.5", "nan", "inf", "1e400", "x", "\n", "0.1", "0.9", "1"]
    text = " ".join(rng.choice(words) for _ in range(rng.randrange(40)))
    (tmp_path / "labels" / "a.txt").write_text(text)
    values = ["images", ".", "[images, nowhere]", "5", "{a: b}", "../x", "!!python/none", "''"]
    names = ["[a, b]", "{0: a, 1: b}", "{0: a, 2: b}", "5", "[]", "[[1]]", "{x: y}"]
    chosen = (
        rng.choice(values) if seed % 2 else "images",
        rng.choice(names) if seed % 3 else "[a, b]",
    )
    (tmp_path / "data.yaml").write_text(f"train: {chosen[0]}\nnames: {chosen[1]}\n")
    try:
        read_all(tmp_path / "data.yaml", "yolo")
    except (ValueError, OSError) as error:
        assert str(error)
