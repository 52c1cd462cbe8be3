"""The chapter of anchors: how those of a recipe fit, and settings to copy that fit better."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from fashion.exploration.figures import anchor_figure
from fashion.pages.html import Page
from fashion.pages.text import count, percent, short_name, signed

_FEW = 100  # boxes; a suggestion from fewer says so


def add_chapter(page: Page, analysis: Mapping[str, Any]) -> None:
    """Adds the chapter, if there are boxes.

    Args:
        page: The page so far.
        analysis: From `analysis.analyse`.
    """
    fits, training = analysis["anchors"], analysis["training"]
    rejected = fits["changed"] and not is_improvement(fits)
    if rejected:
        fits = fits | {"changed": False}
    if not fits["given"]["all"]["objects"]:
        return
    page.chapter("Anchors")
    page.text(*_summary(fits, rejected))
    height, width = training["image_hw"]
    page.figure(
        anchor_figure(fits),
        f"Boxes at the {height} x {width} pixels of “{training['recipe']}”, against anchors at "
        f"their places, strides {', '.join(map(str, fits['strides']))}.",
    )
    _add_settings(page, fits)
    _add_classes(page, fits)


def is_improvement(fits: Mapping[str, Any]) -> bool:
    """Returns whether the suggested anchors are worth offering.

    Args:
        fits: "anchors" of the analysis.

    Returns:
        True if there are others than the given ones, and no fewer boxes reach an IoU of 0.5 and
        of 0.7 with them: the mean alone may rise while boxes lose their only good anchor.
    """
    given, suggested = fits["given"]["all"], fits["suggested"]["all"]
    if not fits["changed"] or not given["objects"]:
        return False
    return all(suggested[key] >= given[key] for key in ("fair", "good"))


def settings_line(fit: Mapping[str, Any]) -> str:
    """Writes scales and ratios as options of the command line.

    Args:
        fit: "scales" and "ratios".

    Returns:
        Two `--set` options, quoted for shells, of which some take [] for a pattern.
    """
    words = []
    for name in ("scales", "ratios"):
        value = json.dumps(fit[name], separators=(",", ":"))
        words.append(f"--set {shlex.quote(f'RPN_ANCHOR_{name.upper()}={value}')}")
    return " ".join(words)


def _add_settings(page: Page, fits: Mapping[str, Any]) -> None:
    settings = [("recipe", fits["given"])]
    if fits["changed"]:
        settings.append(("suggested", fits["suggested"]))
    table = [["settings", "scales", "ratios", "mean IoU", "% with 0.5", "% with 0.7"]]
    for name, fit in settings:
        values = [", ".join(map("{:g}".format, fit[key])) for key in ("scales", "ratios")]
        mean, fair, good = (fit["all"][key] for key in ("mean", "fair", "good"))
        table.append([name, *values, f"{mean:.3f}", f"{100 * fair:.1f}", f"{100 * good:.1f}"])
    page.table(table)
    if not fits["changed"]:
        return
    page.text("To train with the suggested anchors:")
    page.code(settings_line(fits["suggested"]))
    boxes = fits["given"]["all"]["objects"]
    few = f" They come from only {count(boxes, 'box', 'boxes')}." if boxes < _FEW else ""
    page.note(
        "The suggestion fits these boxes better; no network was trained with it. The weights of "
        "the region proposals depend on the anchors, so change them when training starts from "
        "ImageNet weights, not from a detector that was trained with other anchors." + few
    )


def _add_classes(page: Page, fits: Mapping[str, Any]) -> None:
    heading = ["class", "boxes", "mean IoU", "% with 0.5", "% with 0.7"]
    if fits["changed"]:
        heading += ["suggested: mean IoU", "% with 0.5 ", "% with 0.7 "]
    table = [heading]
    for given, suggested in zip(fits["given"]["classes"], fits["suggested"]["classes"]):
        if not given["objects"]:
            continue
        cells = [short_name(given["name"]), f"{given['objects']:,}"]
        for fit in (given, suggested) if fits["changed"] else (given,):
            cells.append(f"{fit['mean']:.3f}")
            cells += [f"{100 * fit[key]:.0f}" for key in ("fair", "good")]
        table.append(cells)
    page.table(table)


def _summary(fits: Mapping[str, Any], rejected: bool) -> list[str]:
    given, suggested = fits["given"]["all"], fits["suggested"]["all"]
    text = [
        f"{percent(given['fair'])} of the boxes have an anchor with IoU ≥ 0.5, and "
        f"{percent(given['good'])} one with IoU ≥ 0.7; the mean best IoU is {given['mean']:.3f}. "
        "From 0.7 on an anchor is a positive example; a box without one has its best anchor only."
    ]
    if rejected:
        return [
            *text,
            f"A search found scales and ratios with a mean IoU of {suggested['mean']:.3f}, but "
            f"only {percent(suggested['fair'])} of the boxes reach 0.5 with them and "
            f"{percent(suggested['good'])} reach 0.7, so they are not suggested.",
        ]
    if not fits["changed"]:
        return [*text, "No better scales and ratios were found."]
    gain = suggested["mean"] - given["mean"]
    return [
        *text,
        f"With the suggested scales and ratios {percent(suggested['fair'])} reach 0.5 and "
        f"{percent(suggested['good'])} reach 0.7; the mean is {suggested['mean']:.3f} "
        f"({signed(gain)}).{_worse_classes(fits)}",
    ]


def _worse_classes(fits: Mapping[str, Any]) -> str:
    """Classes that the suggested anchors fit less well, as a sentence with a leading space."""
    worse = []
    for old, new in zip(fits["given"]["classes"], fits["suggested"]["classes"]):
        # The mean over all boxes hides classes of few boxes.
        if old["objects"] and new["mean"] - old["mean"] <= -0.01:
            worse.append(
                (new["mean"] - old["mean"], short_name(old["name"]), old["mean"], new["mean"])
            )
    if not worse:
        return ""
    worse.sort()
    shown = ", ".join(f"“{name}” ({old:.2f} to {new:.2f})" for _, name, old, new in worse[:3])
    return f" They fit {count(len(worse), 'class', 'classes')} less well, most of all {shown}."
