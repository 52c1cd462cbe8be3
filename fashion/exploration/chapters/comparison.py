"""The chapter on training and validation: do both show the same classes and attributes?"""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion.exploration.frequency_figures import two_shares
from fashion.pages.html import Page
from fashion.pages.text import percent, short_name, signed

_CLEAR = 2  # standard errors
_BY_CHANCE = 0.0455  # share of a normal distribution beyond two standard errors
_LISTED = 20  # rows of a table

Rows = Sequence[Mapping[str, Any]]  # of `compare_splits`


def add_chapter(page: Page, comparison: Mapping[str, Any]) -> None:
    """Adds the chapter.

    Args:
        page: The page so far.
        comparison: From `compare_splits`.
    """
    page.chapter("Train and val")
    (train, val), (train_objects, val_objects) = comparison["photos"], comparison["objects"]
    page.text(
        f"{train:,} images to train on and {val:,} to validate on, with "
        f"{train_objects / max(train, 1):.1f} and {val_objects / max(val, 1):.1f} objects per "
        f"image. {_differences(comparison['classes'], 'classes')}"
    )
    page.figure(two_shares(comparison["classes"]))
    _add_table(page, comparison["classes"], "class")
    page.section("Attributes")
    page.text(_differences(comparison["attributes"], "attributes"))
    _add_table(page, comparison["attributes"], "attribute")


def _add_table(page: Page, rows: Rows, what: str) -> None:
    rows = sorted((row for row in rows if row["z"] is not None), key=lambda row: -abs(row["z"]))
    if not rows:
        return
    table = [[what, "train, % of images", "val, % of images", "difference", "standard errors"]]
    for row in rows[:_LISTED]:
        shares = f"{100 * row['train']:.2f}", f"{100 * row['val']:.2f}"
        table.append(
            [
                short_name(row["name"]),
                *shares,
                signed(100 * row["difference"], 2),
                signed(row["z"], 1),
            ]
        )
    page.table(table)
    if len(rows) > _LISTED:
        page.note(f"The {_LISTED} clearest of {len(rows)} differences; exploration.json has all.")


def _differences(rows: Rows, what: str) -> str:
    """Whether training and validation differ by more than chance."""
    compared = [row for row in rows if row["z"] is not None]
    if not compared:
        return f"Neither file has any {what}."
    clear = sum(abs(row["z"]) > _CLEAR for row in compared)
    most = max(compared, key=lambda row: abs(row["z"]))
    text = (
        f"{clear} of {len(compared)} {what} differ by more than {_CLEAR} standard errors; by "
        f"chance about {_BY_CHANCE * len(compared):.0f} would. The clearest is "
        f"“{short_name(most['name'])}”: {percent(most['train'])} of the training images, "
        f"{percent(most['val'])} of the validation images."
    )
    for here, other, where in (("train", "val", "training"), ("val", "train", "validation")):
        names = []
        for row in compared:
            if row[f"{here}_photos"] and not row[f"{other}_photos"]:
                names.append(short_name(row["name"]))
        if names:
            more = " …" if len(names) > 6 else ""
            text += f" In {where} only: {', '.join(names[:6])}{more} ({len(names)})."
    return text
