"""Opening .h5 files of unknown origin.

HDF5's library is not safe against damaged files: one wrong byte can end the process without an
exception. So a file that this process has not written is first read by a child process. That takes
0.2 s for each file. If the child survives, the file is opened here. All reading goes through
`names` and `dataset`, which refuse links to other files and data stored in other files.

This file is also the child's program, so it imports nothing of `mrcnn`.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import h5py

log = logging.getLogger(__name__)

# Weights: the largest published kernels have 0.4 GB (VGG's first dense layer), whole files 1 GB.
# A damaged or hostile shape claims more than there is memory.
MAX_ARRAY_BYTES, MAX_FILE_BYTES = 2**32, 2**33
# Reading is at least this fast, even on a network drive.
_SECONDS, _BYTES_A_SECOND = 60, 2**20
_BEGUN = "begun"

_trusted: set[tuple] = set()  # files that a child has read, or that were written here


class Damaged(ValueError):
    """Something in a file is not what weight files hold."""


def open_h5(path: str | os.PathLike) -> h5py.File:
    """Opens a file for reading.

    Args:
        path: A .h5 file.

    Returns:
        The open file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or reading it would end the process.
    """
    try:
        version = _version(path)
        if version not in _trusted:
            _try_in_a_child(path)
            _trusted.add(version)
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no weight file {path}.") from None
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error) from error


@contextlib.contextmanager
def reading(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Opens a file for a block and turns any error of reading into a ValueError.

    Args:
        path: A .h5 file.

    Yields:
        The open file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or the block found it damaged.
    """
    with open_h5(path) as file:
        try:
            yield file
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            OSError,
            RuntimeError,
            MemoryError,
        ) as error:
            reason = error if isinstance(error, Damaged) else "a part of it is invalid"
            raise _unreadable(path, reason) from error


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """Reads the metadata that `layer_files.save_weights` was given.

    Args:
        path: A .h5 file.

    Returns:
        The metadata; {} for files of other programs.

    Raises:
        ValueError: The file is damaged.
        FileNotFoundError: There is no such file.
    """
    with reading(path) as file:
        found = json_of(file, "metadata", "{}")
        if not isinstance(found.get("config", {}), dict):
            raise Damaged("the settings in its metadata are not an object")
        return found


def json_of(item: h5py.Group, attribute: str, default: str) -> dict[str, Any]:
    """Reads an attribute that holds a JSON object.

    Args:
        item: The file or a group in it.
        attribute: Its name.
        default: JSON to read if there is no such attribute.

    Returns:
        The object.

    Raises:
        Damaged: The attribute holds something else.
    """
    try:
        found = json.loads(item.attrs.get(attribute, default))
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"its {attribute} is not JSON") from error
    if not isinstance(found, dict):
        raise Damaged(f"its {attribute} is not an object")
    return found


def _unreadable(path: str | os.PathLike, reason: object) -> ValueError:
    return ValueError(
        f"{path} is not a readable .h5 weight file ({reason}). It may be cut off or "
        "damaged: fetch or save it again."
    )


def trust(path: str | os.PathLike) -> None:
    """Notes that this process wrote a file, so that no child need read it.

    Args:
        path: The file.
    """
    _trusted.add(_version(path))


def root_of(file: h5py.File) -> h5py.Group:
    """Finds the group that lists the layers.

    Args:
        file: An open file.

    Returns:
        The file itself, or the group model_weights in files of whole models.
    """
    return group(file, "model_weights") if _link(file, "model_weights") is not None else file


def names(group: h5py.Group, attribute: str) -> list[str]:
    """Reads a list of names that Keras stores as an attribute.

    Args:
        group: The file or a group in it.
        attribute: Its name. HDF5 limits attributes to 64 kB; Keras splits longer lists into
            layer_names0, layer_names1 and so on.

    Returns:
        The names; [] if there is no such attribute.

    Raises:
        Damaged: The attribute holds something else than names.
    """
    pieces = [attribute] if attribute in group.attrs else []
    while not pieces or pieces[-1] != attribute:
        piece = f"{attribute}{len(pieces)}"
        if piece not in group.attrs:
            break
        pieces.append(piece)
    found = [name for piece in pieces for name in group.attrs[piece]]
    found = [name.decode() if isinstance(name, bytes) else name for name in found]
    if not all(isinstance(name, str) for name in found):
        raise Damaged(f"{attribute} of {group.name!r} holds something else than names")
    return found


def group(root: h5py.Group, path: str) -> h5py.Group:
    """Reads a group.

    Args:
        root: Where the path starts.
        path: Names separated by "/".

    Returns:
        The group.

    Raises:
        Damaged: There is no such group in this file.
    """
    found = _member(root, path)
    if not isinstance(found, h5py.Group):
        raise Damaged(f"{path!r} is not a group")
    return found


def dataset(root: h5py.Group, path: str) -> h5py.Dataset:
    """Finds an array of numbers.

    Args:
        root: Where the path starts.
        path: Names separated by "/".

    Returns:
        The dataset, whose size is one that weights may have.

    Raises:
        Damaged: There is no such array in this file.
    """
    found = _member(root, path)
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        raise Damaged(f"{path!r} is not an array")
    if found.dtype.kind not in "fiub":
        raise Damaged(f"{path!r} holds {found.dtype}, not numbers")
    if found.is_virtual or found.external:
        raise Damaged(f"{path!r} is kept in another file")
    if found.nbytes > MAX_ARRAY_BYTES:
        raise Damaged(f"{path!r} has the shape {found.shape}, which no weights have")
    # Never written, or compressed beyond what any filter can do: a small file that fills memory.
    if found.nbytes > 2**20 and found.nbytes > 1100 * found.id.get_storage_size():
        raise Damaged(f"{path!r} of shape {found.shape} has no data")
    return found


def arrays(
    file: h5py.File,
    known: Collection[str] = (),
    of_each: Callable[[h5py.Dataset], Any] = lambda found: found[()],
) -> dict[str, list]:
    """Reads the arrays of a file by layer name; to be called in `reading`.

    A damaged file may raise any error of HDF5 or Python.

    Args:
        file: An open file.
        known: Names of layers; a group of such a name is one layer.
        of_each: What to take from the dataset of each weight.

    Returns:
        The results of `of_each` for the weights of each layer, in the file's order.

    Raises:
        Damaged: The file holds something else than weights.
    """
    root, total = root_of(file), 0
    found: dict[str, list] = {}
    for name in names(root, "layer_names"):
        layer_group = group(root, name)
        for key in names(layer_group, "weight_names"):
            # A group without a layer of that name nests several, as rpn_model does; keys then name
            # the layer before the weight.
            layer = name if name in known or "/" not in key else key.split("/")[-2]
            weight = dataset(layer_group, key)
            total += weight.nbytes
            if total > MAX_FILE_BYTES:
                raise Damaged("its arrays have more bytes than any weights have")
            found.setdefault(layer, []).append(of_each(weight))
    return found


def _member(root: h5py.Group, path: str):
    """Follows a path step by step, but no links out of the file."""
    found = root
    for step in path.split("/"):
        if not isinstance(found, h5py.Group) or step in ("", ".", ".."):
            raise Damaged(f"{path!r} is not a name in the file")
        link = _link(found, step)
        if link is None:
            raise Damaged(f"it lists {path!r}, but has no such entry")
        if link != h5py.h5l.TYPE_HARD:
            raise Damaged(f"{path!r} is a link; weight files have none")
        found = found[step]
    return found


def _link(group: h5py.Group, name: str) -> int | None:
    """The kind of a link, which is not followed; None if there is none."""
    links, key = group.id.links, name.encode()
    return links.get_info(key).type if links.exists(key) else None


def _version(path: str | os.PathLike) -> tuple:
    state = os.stat(path)
    return os.path.realpath(path), state.st_size, state.st_mtime_ns, state.st_ino


def _try_in_a_child(path: str | os.PathLike) -> None:
    """Raises OSError if reading the file ends a child process, or takes too long.

    Where no child can be started (a frozen application, a sandbox), the file is not tried.
    """
    program = Path(__file__)
    if getattr(sys, "frozen", False) or not sys.executable or not program.is_file():
        return
    places = os.pathsep.join(place for place in map(str, sys.path) if place)
    # The last one fills freed memory, so that what reads it fails in the child rather than here.
    environment = os.environ | {
        "PYTHONPATH": places,
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_PERTURB_": "165",
    }
    limit = _SECONDS + os.path.getsize(path) / _BYTES_A_SECOND
    try:
        child = subprocess.run(
            [sys.executable, "-P", str(program), os.path.abspath(path)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit,
        )
        output, ended_well = child.stdout, child.returncode == 0
        problem = "reading it ends the process that reads it"
    except subprocess.TimeoutExpired as error:
        output, ended_well = error.stdout or b"", False
        problem = f"reading it takes more than {limit:.0f} seconds"
    except OSError as error:
        log.debug("%s is opened without a trial: %s", path, error)
        return
    # Otherwise no Python was started (a server may run one inside it), or one without h5py.
    if output.strip() == _BEGUN.encode() and not ended_well:
        raise OSError(problem)


def _try(path: str) -> None:
    """The child's program: reads all that `layer_files` and `checkpoints` read, then the rest."""
    try:
        import resource

        room = 2**33 + 4 * os.path.getsize(path)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (room, room))
    except (ImportError, OSError, ValueError):
        pass
    print(_BEGUN, flush=True)
    for read in (arrays, _everything):
        try:
            with h5py.File(path, "r") as file:
                dict(root_of(file).attrs)
                read(file)
        except MemoryError:
            sys.exit(3)
        except Exception:  # the parent can catch and report it as well
            continue


def _everything(file: h5py.File) -> None:
    def read(name, item):
        try:
            dict(item.attrs)
            if isinstance(item, h5py.Dataset):
                dataset(file, name)[()]
        except MemoryError:
            raise
        except Exception:
            pass

    dict(file.attrs)
    file.visititems(read)


if __name__ == "__main__":
    _try(sys.argv[1])
