"""Data of a verb: the files that --data names, or the built-in data set."""

from pathlib import Path

from fashion.datasets.files import DataFiles, open_data

SAMPLE_FOLDER = Path("data/sample")


def open_files(
    data: str | Path | None,
    images: str | Path | None = None,
    val: str | Path | None = None,
    reader: str | None = None,
) -> DataFiles:
    """Finds the files of a data set.

    Args:
        data: Its folder or file, the value of --data. None draws the built-in data set into
            `SAMPLE_FOLDER` first.
        images: Folder of its photos, the value of --images.
        val: Annotations for validation, the value of --val.
        reader: Name of the format; None finds it out.

    Returns:
        Paths of its annotations, label list and images.

    Raises:
        FileNotFoundError: There is no data set.
        ValueError: There are several.
    """
    if data is None:
        from fashion.datasets.sample import make_sample

        make_sample(SAMPLE_FOLDER)
        data = SAMPLE_FOLDER
    return open_data(data, images, val, reader)
