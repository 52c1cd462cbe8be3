"""The table: what a submission of each year looks like, as columns, frames and rows of text.

| | 2019 | 2020 |
|---|---|---|
| frame of a mask | 512 x 512, aspect not kept | longest edge 1024 (smaller photos too), the other edge
rounded down |
| `ImageId` | with `.jpg` | without extension |
| attributes | in `ClassId`: `10_3_20` | in `AttributesIds`: `115,136`, ascending; empty when none |
| a photo without detections | `1 1`, class 23 | `1 1`, class 23, no attributes |
"""

COLUMNS = {
    2019: ("ImageId", "EncodedPixels", "ClassId"),
    2020: ("ImageId", "EncodedPixels", "ClassId", "AttributesIds"),
}
FRAME_2019 = (512, 512)
LONGEST_EDGE_2020 = 1024
# Kaggle's own sample_submission.csv fills the rows of photos without detections with these.
NOTHING_RLE, NOTHING_CATEGORY = "1 1", 23


def columns(year):
    """The header of a year's table."""
    if year not in COLUMNS:
        raise ValueError(f"Submissions are known for 2019 and 2020. Got year {year!r}.")
    return COLUMNS[year]


def frame_hw(image_hw, year):
    """(height, width) of the masks of a photo of size `image_hw` in a submission of `year`."""
    columns(year)
    if year == 2019:
        return FRAME_2019
    height, width = (int(edge) for edge in image_hw)
    longest = max(height, width)
    if min(height, width) < 1:
        raise ValueError(
            f"A photo has at least one row and one column. Got height {height}, width {width}."
        )
    # A strip narrower than 1 : 1024 would have no pixel left.
    return max(1, height * LONGEST_EDGE_2020 // longest), max(
        1, width * LONGEST_EDGE_2020 // longest
    )


def row(image_id, rle, category_id, attribute_ids, year):
    """One mask as the values of its row. attribute_ids: real ids in any order."""
    attributes = [str(i) for i in sorted({int(i) for i in attribute_ids})]
    if year == 2019:
        return image_id, rle, "_".join([str(int(category_id)), *attributes])
    return image_id, rle, str(int(category_id)), ",".join(attributes)


def nothing_row(image_id, year):
    """The row of a photo without detections."""
    return row(image_id, NOTHING_RLE, NOTHING_CATEGORY, (), year)
