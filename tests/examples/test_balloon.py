"""The balloon example: VIA's files of both versions, the splash, and the whole way from drawn
photos to a splashed one."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

HW = (60, 80)
SHAPES = [
    {"name": "polygon", "all_points_x": [10, 29, 29, 10], "all_points_y": [5, 5, 24, 24]},
    {"name": "rect", "x": 50, "y": 40, "width": 20, "height": 10},
    {"name": "circle", "cx": 60, "cy": 15, "r": 8},
    {"name": "ellipse", "cx": 20, "cy": 45, "rx": 12, "ry": 4, "theta": np.pi / 2},
]


@pytest.fixture
def photos(tmp_path):
    """photos(version, photos of shapes) -> a data set folder with these photos in train
    and in val."""

    def write(version, *photos, wrapped=False):
        for subset in ("train", "val"):
            folder, entries = tmp_path / f"via{version}" / subset, {}
            folder.mkdir(parents=True)
            for i, shapes in enumerate(photos):
                pixels = np.random.default_rng(i).integers(0, 255, (*HW, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
                regions = [{"shape_attributes": shape, "region_attributes": {}} for shape in shapes]
                regions = (
                    {str(n): region for n, region in enumerate(regions)}
                    if version == 1
                    else regions
                )
                entries[f"{i}.png123"] = {
                    "filename": f"{i}.png",
                    "size": 123,
                    "regions": regions,
                    "file_attributes": {},
                }
            content = {"_via_settings": {}, "_via_img_metadata": entries} if wrapped else entries
            (folder / ("via_region_data.json" if version == 1 else "project.json")).write_text(
                json.dumps(content)
            )
        return folder.parent

    return write


@pytest.mark.parametrize(("version", "wrapped"), [(1, False), (2, False), (2, True)])
def test_every_version_of_via_gives_the_same_photos_and_masks(example, photos, version, wrapped):
    dataset = example("balloon").prepared(
        photos(version, SHAPES, [], SHAPES[:1], wrapped=wrapped), "train"
    )
    assert [info["id"] for info in dataset.image_info] == [
        "0.png",
        "2.png",
    ]  # a photo without regions is left out
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (*HW, 4) and masks.dtype == bool and list(class_ids) == [1, 1, 1, 1]
    assert masks[5:25, 10:30, 0].all() and masks[:, :, 0].sum() == 20 * 20
    assert masks[40:50, 50:70, 1].all() and masks[:, :, 1].sum() == 20 * 10
    assert masks[:, :, 2].sum() == pytest.approx(np.pi * 8 * 8, rel=0.05)
    y, x = np.nonzero(masks[:, :, 3])  # a quarter turn made it tall
    assert (y.min(), y.max(), x.min(), x.max()) == (33, 57, 16, 24)
    assert dataset.load_image(0).shape == (*HW, 3)


def test_what_lies_beyond_the_edge_of_the_photo_is_cut_off(example, photos):
    beyond = {"name": "polygon", "all_points_x": [70, 95, 95, 70], "all_points_y": [-9, -9, 70, 70]}
    masks, _ = example("balloon").prepared(photos(2, [beyond]), "val").load_mask(0)
    assert masks[:, 70:, 0].all() and masks.sum() == 60 * 10


def test_a_region_without_area_is_refused(example, photos):
    with pytest.raises(ValueError, match="is a point, which has no area"):
        example("balloon").prepared(photos(2, [{"name": "point", "cx": 1, "cy": 1}]), "train")


def test_what_is_missing_is_named(example, photos, tmp_path):
    module = example("balloon")
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere.*train and val"):
        module.prepared(tmp_path / "nowhere", "train")
    folder = photos(2, SHAPES)
    (folder / "train" / "0.png").unlink()
    with pytest.raises(FileNotFoundError, match="marks up 0.png"):
        module.prepared(folder, "train")
    (folder / "val" / "second.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="Got 2 files"):
        module.prepared(folder, "val")
    (folder / "train" / "project.json").write_text('{"images": []}')
    with pytest.raises(
        ValueError, match="not what VIA exports as JSON: its form is another one. In VIA"
    ):
        module.prepared(folder, "train")


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--weights", "coco"],
        ["splash", "--weights", "last"],
        ["splash", "--weights", "coco", "--image", "photo.jpg"],
    ],
)
def test_a_command_that_cannot_work_is_refused_at_once(example, words):
    with pytest.raises(SystemExit, match="2"):
        example("balloon").main(words)


def test_only_the_balloons_keep_their_colour(example):
    photo = np.array([[[10, 20, 30], [200, 0, 0]]], np.uint8)
    masks = np.array([[[False, False], [True, False]]])
    ((left, right),) = example("balloon").color_splash(photo, masks)
    assert len(set(left)) == 1 and list(right) == [200, 0, 0]
    ((left, right),) = example("balloon").color_splash(photo, np.zeros((1, 2, 0), bool))
    assert len(set(left)) == len(set(right)) == 1


@pytest.mark.slow
def test_it_trains_goes_on_and_splashes_an_image_and_a_video(
    example, photos, tmp_path, monkeypatch
):
    module, folder, logs = (
        example("balloon", DETECTION_MIN_CONFIDENCE=0.0),
        photos(1, SHAPES, SHAPES[:2]),
        str(tmp_path / "runs"),
    )
    monkeypatch.setattr(module, "EPOCHS", 1)
    module.main(["train", "--dataset", str(folder), "--weights", "none", "--logs", logs])
    monkeypatch.setattr(module, "EPOCHS", 2)
    model = module.main(["train", "--dataset", str(folder), "--weights", "last", "--logs", logs])
    assert model.epoch == 2 and [
        p.name for p in sorted((tmp_path / "runs").glob("balloon2*/*.h5"))
    ] == ["mask_rcnn_balloon_0001.h5", "mask_rcnn_balloon_0002.h5"]

    out = module.main(
        ["splash", "--weights", "last", "--logs", logs, "--image", str(folder / "val" / "0.png")]
    )
    assert out.name == "0_splash.png" and np.array(Image.open(out)).shape == (*HW, 3)

    video = cv2.VideoWriter(
        str(tmp_path / "party.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 12, HW[::-1]
    )
    for grey in (50, 150, 250):
        video.write(np.full((*HW, 3), grey, np.uint8))
    video.release()
    module.splash_video(model, tmp_path / "party.avi", tmp_path / "party_splash.mp4")
    splashed = cv2.VideoCapture(str(tmp_path / "party_splash.mp4"))
    assert splashed.get(cv2.CAP_PROP_FRAME_COUNT) == 3 and splashed.get(cv2.CAP_PROP_FPS) == 12
    with pytest.raises(OSError, match="cannot be read as a video"):
        module.splash_video(model, folder / "val" / "via_region_data.json", tmp_path / "none.mp4")


def turn(path, orientation):
    """Store the photo as a telephone that is held so does: EXIF data say how to set it upright."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
    }
    with Image.open(path) as photo:
        exif = photo.getexif()
        exif[0x0112] = orientation
        photo.transpose(back[orientation]).save(path, exif=exif)


@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_a_photo_is_turned_as_via_shows_it(example, photos, orientation, caplog):
    folder = photos(2, SHAPES)
    upright = np.array(Image.open(folder / "train" / "0.png"))
    turn(folder / "train" / "0.png", orientation)
    dataset = example("balloon").prepared(folder, "train")
    np.testing.assert_array_equal(dataset.load_image(0), upright)
    assert (
        dataset.load_mask(0)[0].shape == (*HW, 4)
        and "0.png for one. They are turned" in caplog.text
    )


def test_outlines_that_fit_the_stored_photo_alone_are_laid_on_that(example, photos, caplog):
    """Older browsers showed the stored pixels, here 80 high and 60 wide."""
    low = {"name": "rect", "x": 5, "y": 65, "width": 10, "height": 10}
    folder = photos(2, [low])
    turn(folder / "train" / "0.png", 6)
    dataset = example("balloon").prepared(folder, "train")
    masks, _ = dataset.load_mask(0)
    assert dataset.load_image(0).shape == (80, 60, 3) and masks[65:75, 5:15].all()
    assert masks.sum() == 100 and not caplog.records


@pytest.mark.parametrize("name", ["../0.png", "/etc/passwd", "link.png", "", 5, None])
def test_a_photo_outside_of_the_folder_is_refused(example, photos, name):
    folder = photos(2, SHAPES)
    (folder / "train" / "link.png").symlink_to(folder / "val" / "0.png")
    content = {"a": {"filename": name, "regions": [{"shape_attributes": SHAPES[0]}]}}
    (folder / "train" / "project.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="project.json: .*(lies outside of|is not a file name)"):
        example("balloon").prepared(folder, "train")


@pytest.mark.parametrize(
    "shape",
    [
        {},
        5,
        None,
        {"name": "polygon"},
        {"name": "polygon", "all_points_x": ["a"], "all_points_y": [1]},
        {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]},
        {"name": "polygon", "all_points_x": [], "all_points_y": []},
        {"name": "polygon", "all_points_x": [1, 1e308, 3], "all_points_y": [1, 2, 3]},
        {"name": "circle", "cx": float("nan"), "cy": 1, "r": 2},
        {"name": "rect", "x": 1, "y": 1, "width": None, "height": 3},
    ],
)
def test_a_region_that_cannot_be_drawn_is_named(example, photos, shape):
    with pytest.raises(ValueError, match="Region 2 of 0.png in .*project.json"):
        example("balloon").prepared(photos(2, [SHAPES[0], shape]), "train")
