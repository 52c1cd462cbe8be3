"""Paths that options name: checked before anything is imported or computed."""

import os
from collections.abc import Sequence
from pathlib import Path

from fashion.datasets.files import EXTENSIONS, list_images


def find_images(paths: Sequence[Path]) -> list[Path]:
    """Lists image files.

    Args:
        paths: Files and folders.

    Returns:
        Files and the images in folders, in the order given.

    Raises:
        FileNotFoundError: A path does not exist, or a folder holds no images.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = list_images(path)
            if not inside:
                raise FileNotFoundError(
                    f"There are no images ({', '.join(EXTENSIONS)}) in the folder {path}."
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"There is no image or folder {path}.")
    return found


def check_data(path: str | Path | None) -> None:
    """Checks that a data set exists.

    Args:
        path: Its folder or file; None stands for the built-in data set.

    Raises:
        FileNotFoundError: There is nothing of that name.
    """
    if path is not None and not Path(path).expanduser().exists():
        raise FileNotFoundError(
            f"There is no data set {path}. --data names annotations, a file or a folder."
        )


def beside(data: str | Path | None, ending: str) -> Path:
    """Chooses where a copy of a data set goes if --out is not given.

    Args:
        data: Its folder or file; None stands for the built-in data set.
        ending: What tells the copy apart.

    Returns:
        A folder beside the data set.
    """
    path = Path(data or "data/sample").expanduser()
    name = path.stem if path.is_file() else path.resolve().name
    return path.with_name(f"{name}-{ending}")


def check_file(path: Path | None, option: str, what: str) -> None:
    """Checks that the file of an option exists.

    Args:
        path: The file; None if the option was not given.
        option: The option.
        what: What it names, to follow "names".

    Raises:
        FileNotFoundError: There is no such file.
    """
    if path is not None and not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {kind}. {option} names {what}.")


def check_folder(path: Path | None, option: str, what: str) -> None:
    """Checks that the folder of an option exists.

    Args:
        path: The folder; None if the option was not given.
        option: The option.
        what: What it names, to follow "names".

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if path is not None and not path.is_dir():
        kind = "is a file" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{path} {kind}. {option} names {what}.")


def check_output(folder: Path | None, option: str = "--out") -> None:
    """Checks that a folder can be written to, without making it.

    Args:
        folder: The folder; None if the option was not given.
        option: The option that names it.

    Raises:
        OSError: A file is in the way, or the folder is not writable.
    """
    if folder is None:
        return
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise NotADirectoryError(
            f"{existing} is a file, so {folder} cannot be written. Name another folder with "
            f"{option} DIR."
        )
    if not os.access(existing, os.W_OK):
        raise PermissionError(
            f"The folder {existing} is not writable. Name another folder with {option} DIR."
        )
