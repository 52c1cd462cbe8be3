"""Files of VGG Image Annotator (VIA), versions 1 and 2: regions of images as outlines.

VIA 1 numbers the regions of an image, VIA 2 lists them; a saved project of VIA 2 has the images
below a key of its own.
"""

from typing import Any

import numpy as np

from mrcnn.data.record_checks import is_number, preview
from mrcnn.json_files import read_json
from mrcnn.typing import PathLike

# The corners of a polygon that stands for a circle or an ellipse.
CIRCLE_CORNERS = 64
_MAX_COORDINATE = 100_000
_ADVICE = "In VIA choose Annotation, Export Annotations (as json)."


def read_via(path: PathLike) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Reads a file of VIA.

    Args:
        path: The JSON file.

    Returns:
        File name and regions of every image. A region has "shape_attributes" and perhaps
        "region_attributes"; these and the names are not checked here.

    Raises:
        ValueError: It is not such a file.
    """
    content = read_json(path, "what VIA exports as JSON")
    try:
        images = content.get("_via_img_metadata", content)
        found = []
        for image in images.values():
            regions = image["regions"]
            listed = list(regions.values()) if isinstance(regions, dict) else list(regions)
            for region in listed:
                region["shape_attributes"]  # a KeyError says what is missing
            found.append((image["filename"], listed))
        return found
    except (KeyError, TypeError, AttributeError) as error:
        gap = f"{error} is missing" if isinstance(error, KeyError) else "its form is another one"
        raise ValueError(f"{path} is not what VIA exports as JSON: {gap}. {_ADVICE}") from error


def outline_of(shape: dict[str, Any]) -> list[float]:
    """Converts a shape of VIA to a polygon.

    Args:
        shape: "shape_attributes" of a region: polygon, polyline, rect, circle or ellipse.

    Returns:
        x, y, x, y, … in pixels; the corners of a rect are pixel corners.

    Raises:
        ValueError: With the reason, for shapes without an area and for wrong coordinates.
    """
    if not isinstance(shape, dict):
        raise ValueError(f"the shape is {preview(shape)}: expected an object")
    try:
        xs, ys = _outline(shape)
    except KeyError as error:
        raise ValueError(f"the {shape.get('name')} has no {error}") from error
    except TypeError as error:
        raise ValueError(f"the shape is {preview(shape)}: expected numbers") from error
    if len(xs) != len(ys) or not all(
        is_number(n) and abs(n) <= _MAX_COORDINATE for n in (*xs, *ys)
    ):
        raise ValueError(
            f"the shape is {preview(shape)}: expected numbers, as many x as y, at most "
            f"{_MAX_COORDINATE:,} pixels from the photo"
        )
    return [float(n) for point in zip(xs, ys) for n in point]


def _outline(shape: dict[str, Any]) -> tuple[Any, Any]:
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):
        return list(shape["all_points_x"]), list(shape["all_points_y"])
    if kind == "rect":
        left, top = shape["x"], shape["y"]
        right, bottom = left + shape["width"], top + shape["height"]
        return [left, right, right, left], [top, top, bottom, bottom]
    if kind in ("circle", "ellipse"):
        rx, ry = (shape["r"], shape["r"]) if kind == "circle" else (shape["rx"], shape["ry"])
        theta = shape.get("theta", 0)  # radians, clockwise on the image
        angles = np.linspace(0, 2 * np.pi, CIRCLE_CORNERS, endpoint=False)
        xs, ys = rx * np.cos(angles), ry * np.sin(angles)
        return (
            (shape["cx"] + xs * np.cos(theta) - ys * np.sin(theta)).tolist(),
            (shape["cy"] + xs * np.sin(theta) + ys * np.cos(theta)).tolist(),
        )
    raise ValueError(
        f"a {kind} has no area; mark things up as polygon, polyline, rect, circle or ellipse"
    )
