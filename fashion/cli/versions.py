"""Versions of installed packages."""

from collections.abc import Iterable


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Looks up the versions of packages, without importing them.

    Args:
        names: Of packages. For tensorflow, tensorflow-cpu counts as well, and so for others.

    Returns:
        Version by name; packages that are not installed are left out.
    """
    from importlib import metadata  # not at the top: commands start without it

    found = {}
    for name in names:
        for candidate in (name, f"{name}-cpu", f"{name}_cpu"):
            try:
                found[name] = metadata.version(candidate)
                break
            except metadata.PackageNotFoundError:
                continue
    return found
