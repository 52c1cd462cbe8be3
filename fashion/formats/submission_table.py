"""Submission table: the columns, mask sizes and rows of a Kaggle submission of each year.

| | 2019 | 2020 |
|---|---|---|
| mask size | 512 x 512, distorted | longest edge 1024, the other edge rounded down |
| `ImageId` | with `.jpg` | without extension |
| attributes | in `ClassId`: `10_3_20` | in `AttributesIds`: `115,136`, ascending |
| no predictions | `1 1`, class 23 | `1 1`, class 23, no attributes |

Small images are enlarged as well.
"""

from collections.abc import Iterable

from mrcnn.typing import Size

COLUMNS = {
    2019: ("ImageId", "EncodedPixels", "ClassId"),
    2020: ("ImageId", "EncodedPixels", "ClassId", "AttributesIds"),
}
FRAME_2019 = (512, 512)
LONGEST_EDGE_2020 = 1024
# Kaggle's sample_submission.csv fills the rows of images without predictions with these.
NOTHING_RLE, NOTHING_CATEGORY = "1 1", 23


def columns(year: int) -> tuple[str, ...]:
    """Returns the column names of a year's table.

    Args:
        year: 2019 or 2020.

    Returns:
        The names, in order.

    Raises:
        ValueError: For any other year.
    """
    if year not in COLUMNS:
        raise ValueError(f"Submissions are known for 2019 and 2020. Got year {year!r}.")
    return COLUMNS[year]


def frame_hw(image_hw: Size, year: int) -> Size:
    """Computes the size of the masks of an image in a submission.

    Args:
        image_hw: (height, width) of the original image, pixels.
        year: 2019 or 2020.

    Returns:
        (height, width) of its masks, pixels.

    Raises:
        ValueError: If the image has no pixel, or for any other year.
    """
    columns(year)  # refuses other years
    if year == 2019:
        return FRAME_2019
    height, width = (int(edge) for edge in image_hw)
    if min(height, width) < 1:
        raise ValueError(
            f"An image has at least one row and one column. Got height {height}, width {width}."
        )
    longest = max(height, width)
    # An image narrower than 1 : 1024 would have no pixel left.
    return (
        max(1, height * LONGEST_EDGE_2020 // longest),
        max(1, width * LONGEST_EDGE_2020 // longest),
    )


def row(
    image_id: str, rle: str, category_id: int, attribute_ids: Iterable[int], year: int
) -> tuple[str, ...]:
    """Formats one mask as a row of the table.

    Args:
        image_id: As the year's table spells it.
        rle: Kaggle run lengths at `frame_hw`.
        category_id: Real id of the category.
        attribute_ids: Real ids, in any order.
        year: 2019 or 2020.

    Returns:
        A text for each of `columns(year)`.
    """
    attributes = [str(i) for i in sorted({int(i) for i in attribute_ids})]
    if year == 2019:
        return image_id, rle, "_".join([str(int(category_id)), *attributes])
    return image_id, rle, str(int(category_id)), ",".join(attributes)


def nothing_row(image_id: str, year: int) -> tuple[str, ...]:
    """Formats the row of an image without predictions.

    Args:
        image_id: As the year's table spells it.
        year: 2019 or 2020.

    Returns:
        A text for each of `columns(year)`.
    """
    return row(image_id, NOTHING_RLE, NOTHING_CATEGORY, (), year)
