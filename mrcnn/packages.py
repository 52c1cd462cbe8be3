"""Packages that only a part of this program needs: what is missing says how to get it."""

import importlib
from typing import Any

__all__ = ["PackageMissing", "import_package"]


class PackageMissing(ModuleNotFoundError):
    """A package is not installed; the message says what needs it and how to get it."""


def import_package(module: str, needed_for: str, install: str) -> Any:
    """Imports a module of a package that may be missing.

    Args:
        module: Its dotted name.
        needed_for: What needs it, to begin a sentence.
        install: What pip is to install.

    Returns:
        The module.

    Raises:
        PackageMissing: Its package is not installed. Errors inside it pass unchanged.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise PackageMissing(
            f'{needed_for} needs the package {error.name}: pip install "{install}".',
            name=error.name,
        ) from error
