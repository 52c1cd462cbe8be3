"""Opening .h5 files of unknown origin.

HDF5's library is not safe against damaged files: one wrong byte can end the process, without an
exception. So a file that this process has not written is first read by a child process, which
takes a fifth of a second, once a file. If the child survives, the file is opened here. What is
read from it goes through `names` and `dataset`, which leave the file's own forms of reaching
outside (links to other files, data kept in other files) alone.

This file is also the child's program, so it imports nothing of `mrcnn`.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py

log = logging.getLogger(__name__)

# Weights: the largest published kernels have 0.4 GB (VGG's first dense layer), whole files 1 GB.
# A damaged or hostile shape claims more than there is memory.
MAX_ARRAY_BYTES, MAX_FILE_BYTES = 2**32, 2**33
# Reading is at least so fast, on a network drive, too.
_SECONDS, _BYTES_A_SECOND = 60, 2**20
_BEGUN = "begun"

_sound: set[tuple] = set()  # files that were read by a child, or written here


class Damaged(ValueError):
    """Something in a file is not what weight files hold; the message says what."""


def open_h5(path: str | os.PathLike) -> h5py.File:
    """Opens a file for reading.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It cannot be read, or reading it would end the process.
    """
    try:
        version = _version(path)
        if version not in _sound:
            _try_in_a_child(path)
            _sound.add(version)
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no weight file {path}.") from None
    except (OSError, RuntimeError) as error:
        raise unreadable(path, error) from error


@contextlib.contextmanager
def reading(path: str | os.PathLike) -> Iterator[h5py.File]:
    """`open_h5` for a block; whatever reading a damaged file raises becomes a ValueError."""
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
            told = error if isinstance(error, Damaged) else "a part of it makes no sense"
            raise unreadable(path, told) from error


def json_of(item: h5py.Group, attribute: str, default: str) -> dict:
    """The dict that an attribute holds as JSON. Raises Damaged if it holds something else."""
    try:
        found = json.loads(item.attrs.get(attribute, default))
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"its {attribute} is no JSON") from error
    if not isinstance(found, dict):
        raise Damaged(f"its {attribute} is no object")
    return found


def unreadable(path: str | os.PathLike, reason: object) -> ValueError:
    """The error for a file that is damaged."""
    return ValueError(
        f"{path} is not a readable .h5 weight file ({reason}). It may be cut off or "
        "damaged: fetch or save it again."
    )


def trust(path: str | os.PathLike) -> None:
    """Notes that this process wrote the file; it needs no child."""
    _sound.add(_version(path))


def root_of(file: h5py.File) -> h5py.Group:
    """The group that lists the layers; files of whole models have one for it."""
    return group(file, "model_weights") if _link(file, "model_weights") is not None else file


def names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of texts that Keras keeps as an attribute, or in pieces; [] if there is none."""
    pieces = [attribute] if attribute in group.attrs else []
    while not pieces or pieces[-1] != attribute:  # of more than 64 kB: layer_names0, …
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
    """A group of the file itself."""
    found = _member(root, path)
    if not isinstance(found, h5py.Group):
        raise Damaged(f"{path!r} is no group")
    return found


def dataset(root: h5py.Group, path: str) -> h5py.Dataset:
    """An array of numbers of the file itself, of a size that weights have."""
    found = _member(root, path)
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        raise Damaged(f"{path!r} is no array")
    if found.dtype.kind not in "fiub":
        raise Damaged(f"{path!r} holds {found.dtype}, not numbers")
    if found.is_virtual or found.external:
        raise Damaged(f"{path!r} is kept in another file")
    if found.nbytes > MAX_ARRAY_BYTES:
        raise Damaged(f"{path!r} has the shape {found.shape}, which no weights have")
    # Never written, or squeezed beyond what any filter can do: a small file that fills the memory.
    if found.nbytes > 2**20 and found.nbytes > 1100 * found.id.get_storage_size():
        raise Damaged(f"{path!r} of shape {found.shape} has no data")
    return found


def arrays(file: h5py.File, known=(), of_each=lambda found: found[()]) -> dict[str, list]:
    """{layer: what `of_each` makes of its weights' datasets}; see `layer_files.read_h5`.

    To be called in `reading`: of a damaged file it raises what HDF5 and Python happen to raise.
    """
    root, found, total = root_of(file), {}, 0
    for name in names(root, "layer_names"):
        layer_group = group(root, name)
        for key in names(layer_group, "weight_names"):
            # A group that is no layer of ours nests several, as rpn_model does; the layer is named
            # before the weight.
            layer = name if name in known or "/" not in key else key.split("/")[-2]
            weight = dataset(layer_group, key)
            total += weight.nbytes
            if total > MAX_FILE_BYTES:
                raise Damaged("its arrays have more bytes than any weights have")
            found.setdefault(layer, []).append(of_each(weight))
    return found


def _member(root: h5py.Group, path: str):
    """What lies at `path`, step by step; links out of the file are not followed."""
    found = root
    for step in path.split("/"):
        if not isinstance(found, h5py.Group) or step in ("", ".", ".."):
            raise Damaged(f"{path!r} is no name in the file")
        link = _link(found, step)
        if link is None:
            raise Damaged(f"it lists {path!r}, but has no such entry")
        if link != h5py.h5l.TYPE_HARD:
            raise Damaged(f"{path!r} is a link; weight files have none")
        found = found[step]
    return found


def _link(group: h5py.Group, name: str) -> int | None:
    """The kind of a link, which is not followed; None if there is none."""
    links, name = group.id.links, name.encode()
    return links.get_info(name).type if links.exists(name) else None


def _version(path: str | os.PathLike) -> tuple:
    state = os.stat(path)
    return os.path.realpath(path), state.st_size, state.st_mtime_ns, state.st_ino


def _try_in_a_child(path: str | os.PathLike) -> None:
    """Raises OSError if a process that reads the file is ended by that, or does not come to an end.

    Where no child can be started (a frozen application, a sandbox), nothing is tried.
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
    """The child: read all that `layer_files` and `checkpoints` read, then the rest."""
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
        except Exception:  # what can be caught here is caught and told there, too
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
