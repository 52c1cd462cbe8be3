"""Files of VGG Image Annotator."""

import json

import pytest

from mrcnn.data.via_files import outline_of, read_via

POLYGON = {"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [2, 2, 8]}


def write(tmp_path, content):
    (tmp_path / "via.json").write_text(json.dumps(content))
    return tmp_path / "via.json"


@pytest.mark.parametrize(
    "regions", [[{"shape_attributes": POLYGON}], {"0": {"shape_attributes": POLYGON}}]
)
@pytest.mark.parametrize("project", [False, True])
def test_both_versions_and_projects_are_read(tmp_path, regions, project):
    images = {"a.jpg12": {"filename": "a.jpg", "regions": regions}}
    content = {"_via_img_metadata": images, "_via_settings": {}} if project else images
    assert read_via(write(tmp_path, content)) == [("a.jpg", [{"shape_attributes": POLYGON}])]


@pytest.mark.parametrize(
    "content",
    [[], 5, {"a": 1}, {"a": {"filename": "a.jpg"}}, {"a": {"filename": "x", "regions": [5]}}],
)
def test_other_files_are_refused_with_what_to_export(tmp_path, content):
    with pytest.raises(ValueError, match="Export Annotations"):
        read_via(write(tmp_path, content))


def test_shapes_become_polygons():
    assert outline_of(POLYGON) == [1, 2, 5, 2, 5, 8]
    rect = {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}
    assert outline_of(rect) == [1, 2, 4, 2, 4, 6, 1, 6]
    circle = outline_of({"name": "circle", "cx": 10, "cy": 20, "r": 5})
    assert circle[:2] == [15, 20] and max(circle[1::2]) == pytest.approx(25)
    ellipse = {"name": "ellipse", "cx": 0, "cy": 0, "rx": 4, "ry": 2, "theta": 1.5707963267948966}
    assert outline_of(ellipse)[:2] == pytest.approx([0, 4])


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"name": "point", "cx": 1, "cy": 2}, "has no area"),
        (None, "expected an object"),
        ({"name": "rect", "x": 1}, "has no 'y'"),
        ({"name": "circle", "cx": "a", "cy": 1, "r": 2}, "expected numbers"),
        ({"name": "polygon", "all_points_x": [1], "all_points_y": [1, 2]}, "as many x as y"),
        ({"name": "polygon", "all_points_x": [1e9], "all_points_y": [1]}, "at most"),
    ],
)
def test_wrong_shapes_say_why(shape, reason):
    with pytest.raises(ValueError, match=reason):
        outline_of(shape)
