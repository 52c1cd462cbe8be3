"""Data of a verb: the files that --data names, or the built-in data set."""

from pathlib import Path

from fashion.datasets.files import DataFiles, find_data

SAMPLE_FOLDER = Path("data/sample")


def open_files(data: str | Path | None) -> DataFiles:
    """Finds the files of a data set.

    Args:
        data: Its folder, the value of --data. None draws the built-in data set into
            `SAMPLE_FOLDER` first.

    Returns:
        Paths of its CSV files, label list and images.

    Raises:
        FileNotFoundError: The folder holds no data set.
    """
    if data is None:
        from fashion.datasets.sample import make_sample

        make_sample(SAMPLE_FOLDER)
        data = SAMPLE_FOLDER
    return find_data(data)
