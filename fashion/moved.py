"""Old import paths of this package's modules, see `mrcnn.moved`."""

from mrcnn.moved import Moved

MOVED_MODULES: Moved = {}
