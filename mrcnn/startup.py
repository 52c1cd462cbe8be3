"""Code that Python runs when it starts, once this is installed: setup.py makes a .pth file of it.

Scripts import imgaug before mrcnn, and imgaug fails with NumPy 2 unless it is patched, see
`mrcnn.data.augmentation.imgaug_import`. And a folder on `sys.path` with an older mrcnn silently
takes precedence over the installed package. So this waits for either import. Every Python of the
environment runs these lines: they import nothing (0.4 ms in all), and their errors are suppressed.
"""


class WaitsForImports:
    """A finder that finds imgaug, patched, and warns of an older mrcnn."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Finds imgaug; called by Python for every import.

        Args:
            name: Of the module.
            path: Of the package that it is in.
            target: Accepted.

        Returns:
            The spec of imgaug; None for all other modules.
        """
        if name not in ("imgaug", "mrcnn"):
            return None
        try:
            return self._patched(name, path, target) if name == "imgaug" else self._warn(name)
        except Exception:
            return None

    def _patched(self, name, path, target):
        from mrcnn.data.augmentation.imgaug_import import ImgaugFinder

        return ImgaugFinder().find_spec(name, path, target)

    def _warn(self, name):
        import os
        import sys
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name)
        folder = list(spec.submodule_search_locations or ())[0] if spec is not None else None
        if folder and not os.path.exists(os.path.join(folder, "data", "dataset.py")):
            print(
                "WARNING: import mrcnn takes the older copy in "
                + folder
                + ", not the package that is installed. Drop the line that adds its folder to "
                "sys.path, or leave that folder.",
                file=sys.stderr,
            )
        return None


def wait_for_imports() -> None:
    """Registers the finder, once."""
    import sys

    if not any(type(finder).__name__ == "WaitsForImports" for finder in sys.meta_path):
        sys.meta_path.insert(0, WaitsForImports())  # type: ignore[arg-type]
