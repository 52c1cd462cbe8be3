"""The metrics, one a file: importing this package registers all of them.

A new file in this folder is in the screen table, metrics.json, the report and the documentation;
see `registry`.
"""

import importlib
import pkgutil


def import_all() -> None:
    """Imports every file of this folder, which registers its metrics."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue  # `__main__` writes the documentation
        importlib.import_module(f"{__name__}.{module.name}")


import_all()
