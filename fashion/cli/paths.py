"""Paths that options name: checked before anything is imported or computed."""

import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fashion.datasets.files import EXTENSIONS, DataFiles, list_images, open_data
from mrcnn.setting_checks import name_meant

_COMPARED = 2000  # names in a folder that a mistyped one is compared with
_LISTED = 3  # folders that an error lists
_ALIKE = 0.6  # less alike names are not suggested


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
                raise FileNotFoundError(_no_images(path))
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(
                f"{nothing_at(path, 'image or folder')} Give image files, or folders of images."
            )
    return found


def _no_images(folder: Path) -> str:
    text = f"There are no images ({', '.join(EXTENSIONS)}) in the folder {folder}."
    inner = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not inner:
        return text
    listed = ", ".join(inner[:_LISTED]) + (", …" if len(inner) > _LISTED else "")
    return (
        f"{text} The folders in it are not searched ({listed}). Name each of them; in most shells "
        f"{folder / '*'}{os.sep} names all."
    )


def nothing_at(path: Path, what: str) -> str:
    """Says that there is nothing at a path, where it was looked for, and what may be meant.

    Args:
        path: As it was given.
        what: What it should be, to follow "There is no".

    Returns:
        Up to three sentences.
    """
    path = path.expanduser()
    folder = path.parent
    text = f"There is no {what} {path}."
    if not folder.is_dir():
        return f"{text} There is no folder {folder.absolute()} either."
    if not path.is_absolute():
        text += f" It was looked for in {folder.absolute()}."
    names = [entry.name for entry in itertools.islice(os.scandir(folder), _COMPARED)]
    by_folded = {name.casefold(): name for name in names}
    meant = name_meant(path.name.casefold(), by_folded, _ALIKE)
    return f"{text} Did you mean {folder / by_folded[meant]}?" if meant else text


def check_readable(files: Sequence[Path]) -> None:
    """Checks that at least one of some images can be read.

    Args:
        files: Image files. The first one whose header can be read ends the search.

    Raises:
        OSError: None can be read; says why for the first one.
    """
    # Not at the top: data sets are checked without PIL.
    from mrcnn.data.image_io import header

    first = None
    for path in files:
        try:
            header(path)
            return
        except OSError as error:
            first = first or error
    if first is not None:
        raise OSError(
            str(first)
            if len(files) == 1
            else f"None of the {len(files):,} images can be read. {first}"
        ) from first


def check_data(
    path: str | Path | None,
    images: Path | None = None,
    val: Path | None = None,
    reader: str | None = None,
) -> DataFiles | None:
    """Checks that a data set exists, and that its annotations and images are found.

    Args:
        path: Its folder or file; None stands for the built-in data set.
        images: Folder of its images, the value of --images.
        val: Annotations for validation, the value of --val.
        reader: Name of the format; None finds it out.

    Returns:
        Its files; None for the built-in data set.

    Raises:
        FileNotFoundError: There is nothing of that name, or no annotations in it.
        ValueError: There are several files of annotations.
    """
    if path is None:
        return None
    if not Path(path).expanduser().exists():
        raise FileNotFoundError(
            f"{nothing_at(Path(path), 'data set')} --data names annotations, a file or a folder."
        )
    return open_data(path, images, val, reader)


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


def check_file(path: Path | None, option: str, what: str, hint: str = "") -> None:
    """Checks that the file of an option exists.

    Args:
        path: The file; None if the option was not given.
        option: The option.
        what: What it names, to follow "names".
        hint: Sentence to end the error with, after a space.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if path is not None and not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {kind}. {option} names {what}.{hint}")


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


def check_output(folder: Path | None, option: str | None = "--out") -> None:
    """Checks that a folder can be written to, without making it.

    Args:
        folder: The folder; None if the option was not given.
        option: The option that names it; None where there is no choice.

    Raises:
        OSError: A file is in the way, or the folder is not writable.
    """
    if folder is None:
        return
    advice = f" Name another folder with {option} DIR." if option else ""
    try:
        existing = folder
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        is_folder = existing.is_dir()
    except OSError as error:  # too long a name, or a folder that may not be entered
        raise OSError(f"{folder} cannot be written: {error.strerror}.{advice}") from error
    if not is_folder:
        raise NotADirectoryError(
            f"{existing} is a file, so {'it' if existing == folder else folder} cannot be a folder."
            f"{advice}"
        )
    try:
        # Permissions do not tell: the disk may be read-only, and root may do everything.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise PermissionError(
            f"The folder {existing} is not writable: {error.strerror}.{advice}"
        ) from error


def check_output_file(path: Path, option: str = "--out") -> None:
    """Checks that a file can be written, without making it.

    Args:
        path: The file.
        option: The option that names it.

    Raises:
        OSError: A folder is in the way, or its own folder is not writable.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. {option} names the file to write.")
    check_output(path.parent, option)
