"""Model files: which file the path of a run, a checkpoint or a classifier of detections names.

Nothing here reads a network, so that a wrong path is reported at once.
"""

from pathlib import Path

from mrcnn.files import digest_of
from mrcnn.inference.exported_files import digest_of_export, format_of, read_export_metadata
from mrcnn.typing import PathLike

_HDF5 = b"\x89HDF\r\n\x1a\n"

# The shipped models: beside the packages in the repository, inside this one once installed.
_INSTALLED, _REPOSITORY = (Path(__file__).parents[level] / "weights" for level in (1, 2))
SHIPPED_FOLDER = _INSTALLED if _INSTALLED.is_dir() else _REPOSITORY


def shipped_models() -> dict[str, Path]:
    """Lists the models that come with the package.

    Returns:
        Files by name, as --weights takes it: "ccp" for ccp.h5.
    """
    return {file.stem: file for file in sorted(SHIPPED_FOLDER.glob("*.h5"))}


def located(path: PathLike) -> Path:
    """Expands the home folder, and the name of a shipped model where no file has that name.

    Args:
        path: Path of a model, or a name of `shipped_models`.

    Returns:
        The path.
    """
    path = Path(path).expanduser()
    return path if path.exists() else shipped_models().get(str(path), path)


def _no_model(path: Path) -> str:
    """Message of a path that names no model."""
    shipped = " or ".join(shipped_models())
    return (
        f"There is no weight file {path}. Give a run folder of `fashion train`, a .h5 checkpoint, "
        "or an exported model (.onnx, .tflite, the folder of a SavedModel)"
        + (f", or the name of a shipped model: {shipped}." if shipped else ".")
    )


def checkpoint_in(path: PathLike) -> Path:
    """Finds a checkpoint.

    Args:
        path: The file, a run folder, or the name of a shipped model.

    Returns:
        The file; of a run folder best.h5, or else last.h5.

    Raises:
        FileNotFoundError: There is no checkpoint.
    """
    path = located(path)
    if path.is_dir():
        for name in ("best.h5", "last.h5"):
            if (path / name).exists():
                return path / name
        raise FileNotFoundError(
            f"{path} holds neither best.h5 nor last.h5. Give a run folder of `fashion train` or a "
            ".h5 file."
        )
    if not path.exists():
        raise FileNotFoundError(_no_model(path))
    return path


def check_model(path: PathLike) -> Path:
    """Checks that a path names the checkpoint of a model.

    Args:
        path: The file, or a run folder.

    Returns:
        The file.

    Raises:
        FileNotFoundError: There is no checkpoint.
        ValueError: The file is not an HDF5 file.
    """
    if format_of(path):
        raise ValueError(
            f"{path} is an exported model, which can predict, evaluate and submit. This needs the "
            "checkpoint that it was exported from, a .h5 file."
        )
    path = checkpoint_in(path)
    with open(path, "rb") as file:
        if file.read(len(_HDF5)) != _HDF5:
            raise ValueError(
                f"{path} is not a readable .h5 weight file. Give a run folder of `fashion train` "
                "or a .h5 file."
            )
    return path


def model_in(path: PathLike) -> Path:
    """Finds a model that predicts.

    Args:
        path: A checkpoint, a run folder, or an exported model: a .onnx or .tflite file, or the
            folder of a SavedModel.

    Returns:
        The checkpoint or the exported model.

    Raises:
        FileNotFoundError: There is none.
    """
    path = located(path)
    return path if format_of(path) and path.exists() else checkpoint_in(path)


def check_predicting_model(path: PathLike) -> Path:
    """Checks that a path names a model that predicts.

    Args:
        path: As of `model_in`.

    Returns:
        As of `model_in`.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is neither a checkpoint nor an exported model.
    """
    path = model_in(path)
    if not format_of(path):
        return check_model(path)
    read_export_metadata(path)
    return path


def digest_of_model(path: PathLike) -> str:
    """Identifies a model by name and content.

    Args:
        path: As of `model_in`.

    Returns:
        Name and digest.
    """
    path = model_in(path)
    return digest_of_export(path) if format_of(path) else digest_of(path)


def member_in(path: PathLike) -> Path:
    """Finds the weights of a member of an ensemble.

    Args:
        path: The file; or a run folder of a detector, of a semantic network or of a crop
            classifier.

    Returns:
        The file: best.h5, last.h5, rescorer.h5 or weights.h5 of a folder.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not an HDF5 file.
    """
    path = located(path)
    if path.is_dir():
        for name in ("best.h5", "last.h5", "rescorer.h5", "weights.h5"):
            if (path / name).exists():
                return check_model(path / name)
    return check_model(path)


def rescorer_in(path: PathLike) -> Path:
    """Finds the file of a classifier that scores detections again.

    Args:
        path: The file, or the folder in which `fashion rescore` wrote rescorer.h5.

    Returns:
        The file.

    Raises:
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    path = path / "rescorer.h5" if path.is_dir() else path
    if not path.exists():
        raise FileNotFoundError(
            f"There is no {path}. Give rescorer.h5 of `fashion rescore`, or the folder that it "
            "is in."
        )
    return path
