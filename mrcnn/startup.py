"""What Python runs when it starts, once this is installed: setup.py makes a .pth file of it.

Scripts say `import imgaug` above `import mrcnn`, and imgaug fails beside NumPy 2 unless it is
mended, see `mrcnn.data.augmentation.imgaug_import`. And a folder on `sys.path` with an older mrcnn wins over the
installed package without a word. So this waits for either import. Every Python of the environment
runs these lines: they import nothing (0.4 ms in all), and no fault of theirs may reach anybody.
"""


class WaitsForImports:
    """A finder that finds imgaug, mended, and says which mrcnn it is that is imported."""

    def find_spec(self, name, path=None, target=None):
        if name not in ("imgaug", "mrcnn"):
            return None
        try:
            return self.mended(name, path, target) if name == "imgaug" else self.warned(name)
        except Exception:
            return None

    def mended(self, name, path, target):
        from mrcnn.data.augmentation.imgaug_import import ImgaugFinder

        return ImgaugFinder().find_spec(name, path, target)

    def warned(self, name):
        import os
        import sys
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name)
        folder = list(spec.submodule_search_locations or ())[0] if spec is not None else None
        if folder and not os.path.exists(os.path.join(folder, "data", "dataset.py")):
            print(
                "WARNING: import mrcnn takes the older copy in "
                + folder
                + ", not the package that is "
                "installed. Drop the line that adds its folder to sys.path, or leave that folder.",
                file=sys.stderr,
            )
        return None


def wait_for_imports():
    import sys

    if not any(type(finder).__name__ == "WaitsForImports" for finder in sys.meta_path):
        sys.meta_path.insert(0, WaitsForImports())
