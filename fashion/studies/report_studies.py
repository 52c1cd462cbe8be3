"""Studies that repeat the experiments of reports on iMaterialist, with the reports' numbers.

Numbers of a report are shares, also where the report prints percent. Each study can be made small:
--recipe, --limit, --epochs, --only and --set; docs/studies.md has the commands and their costs.
"""

import itertools
from typing import Any

from fashion.config import LOSS_PRESETS, FashionConfig
from fashion.studies.study import Study

SIZES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
_RECALLS = ("AR1", "AR10", "AR100")
# The reports' tables: COCO's numbers without and with the F1 of the attributes.
MASKS = tuple(f"mask {prefix}{name}" for prefix in ("", "f1") for name in SIZES)
BOXES = tuple(f"box {prefix}{name}" for prefix in ("", "f1") for name in SIZES)
_F1_TABLES = (("Masks, wo. and w. F1", MASKS), ("Boxes, wo. and w. F1", BOXES))
_RECALL_TABLES = (
    ("Masks", tuple(f"mask {name}" for name in (*SIZES, *_RECALLS))),
    ("Boxes", tuple(f"box {name}" for name in (*SIZES, *_RECALLS))),
)
_AP = ("mask AP", "mask AP50", "mask AP75", "box AP", "box AP50", "box AP75")
_WITH_F1 = ("mask AP", "mask AP50", "mask f1AP", "mask f1AP50", "box AP", "box f1AP")
CS231N = "CS231n report"

_MLP = {"ATTRIBUTE_HEAD": "mlp"}
_PER_CLASS = {"ATTRIBUTE_PER_CLASS": True}


def _percent(columns: tuple[str, ...], *numbers: float) -> dict[str, float]:
    """Numbers of a report in percent, by column."""
    return {column: number / 100 for column, number in zip(columns, numbers, strict=True)}


def _weights(preset: str) -> dict[str, Any]:
    return {"LOSS_WEIGHTS": {**FashionConfig.LOSS_WEIGHTS, **LOSS_PRESETS[preset]}}


def _ladder() -> Study:
    """The slide deck on iMaterialist 2019: five steps, each from the weights of the former."""
    names = (
        "heads only",
        "all layers",
        "augmentation, loss weights 10/.8/6/6/6",
        "more photos, loss weights 1/.8/6/6/6",
        "resampled for missed classes",
    )
    best = {"AUGMENT": True, "DETECTION_MAX_INSTANCES": 50, **_weights("best")}
    settings: tuple[dict[str, Any], ...] = (
        {"AUGMENT": False, **_weights("ones")},
        {"AUGMENT": False, **_weights("ones")},
        {"AUGMENT": True, **_weights("identification")},
        best,
        # Recall is measured after each epoch, and decides what the next one repeats.
        best | {"EVALUATE_EVERY": 1},
    )
    stages = (
        [("heads", 10, 1e-3)],
        [("all", 10, 1e-3), ("all", 20, 1e-4)],
        [("all", 10, 1e-4), ("all", 20, 5e-5)],
        [("all", 10, 5e-5), ("all", 20, 3e-5)],
        [("all", 5, 1e-4), ("all", 10, 5e-5)],
    )
    scores = (0.044, 0.063, 0.078, 0.081, 0.082)
    shown = ("Kaggle 2019", "Kaggle 2019, pooled", "mean recall", "mask AP", "mask AP50")
    return Study(
        "The ladder of the slide deck",
        dict(zip(names, settings, strict=True)),
        options={names[4]: ["--rebalance", "missed"]},
        stages=dict(zip(names, stages, strict=True)),
        photos=dict(zip(names, (0.5, 0.5, 0.5, 1.0, 0.3), strict=True)),
        builds_on=True,
        by_step=True,
        recipe="baseline",
        weights="coco",
        epochs=30,
        rate=None,
        limit=10_000,
        shown=shown,
        judged=("Kaggle 2019", "mean recall"),
        tables=(("Scores", shown),),
        reported={name: {"Kaggle 2019": score} for name, score in zip(names, scores, strict=True)},
        source="slide deck, Kaggle's test photos",
        recalls=True,
    )


def _baselines() -> Study:
    """Figure 3 of the CS231n report: torchvision beside Detectron2, here beside this project."""
    box = tuple(f"box {name}" for name in (*SIZES, *_RECALLS))
    mask = tuple(f"mask {name}" for name in (*SIZES, *_RECALLS))
    return Study(
        "Baselines: torchvision beside this project",
        # ours first: torchvision's is trained as the run of ours with the same seed.
        {"ours": {"BACKBONE": "resnet50"}, "torchvision": {"BACKBONE": "resnet50"}},
        recipe="baseline",
        epochs=8,
        rate=None,
        # The report's 400 and 600 pixels, as multiples of 64.
        stages={name: [("all", 8, 1e-3)] for name in ("ours", "torchvision")},
        limit=1000,
        shown=_AP,
        judged=("mask AP", "box AP"),
        tables=_RECALL_TABLES,
        reported={
            "torchvision": _percent(box, 8.4, 15.1, 8.5, 0, 14.6, 9.9, 9, 12.3, 12.6)
            | _percent(mask, 5.6, 10.9, 4.6, 0, 7.9, 6.9, 6.7, 9, 9),
            "Detectron2": _percent(box, 15.8, 25.0, 17.0, 5.5, 13.3, 17.3, 18.3, 20.9, 20.9)
            | _percent(mask, 13.6, 21.9, 14.3, 4.7, 9.4, 15.5, 16.2, 18.3, 18.3),
        },
        source=f"{CS231N}, figure 3",
        trainers={"torchvision": "torchvision"},
        settings={
            "IMAGE_RESIZE_MODE": "portrait",
            "IMAGE_MIN_DIM": 384,
            "IMAGE_MAX_DIM": 576,
        },
    )


def _backbones() -> Study:
    """Figure 4 of the CS231n report, and two backbones that a CPU can train."""
    names = ("resnet50", "resnet101", "resnext101_32x8d", "efficientnet_lite0", "mobilenetv3_large")
    columns = ("box AP", "box AP50", "box AP75", "mask AP", "mask AP50", "mask AP75")
    return Study(
        "Backbones of the CS231n report",
        {name: {"BACKBONE": name} for name in names},
        recipe="baseline",
        epochs=8,
        limit=3000,
        shown=_AP,
        judged=("mask AP", "box AP"),
        tables=_F1_TABLES,
        reported={
            "resnet50": _percent(columns, 12.7, 24.3, 12.6, 10.7, 19.6, 10.5),
            "resnet101": _percent(columns, 11.7, 22.3, 10.5, 8.5, 14.9, 7.9),
            "resnext101_32x8d": _percent(columns, 14.3, 24.6, 16.1, 10.9, 19.2, 10.5),
        },
        source=f"{CS231N}, figure 4",
        quick=("efficientnet_lite0", "mobilenetv3_large"),
    )


def _heads() -> Study:
    """Figures 5 and 6 of the CS231n report: four heads, and focal loss with and without exclusion.

    The report changes two things at once from its fourth to its fifth row, so a row between them
    changes the loss alone.
    """
    columns = ("mask AP", "mask AP50", "mask f1AP", "mask f1AP50", "box AP", "box f1AP")
    focal = _MLP | _PER_CLASS | {"ATTRIBUTE_LOSS": "focal"}
    last = "2 FC, per class, focal, empty excluded"
    return Study(
        "Attribute heads and losses of the CS231n report",
        {
            "1 FC, BCE": {"ATTRIBUTE_HEAD": "linear"},
            "1 FC, per class, BCE": {"ATTRIBUTE_HEAD": "linear"} | _PER_CLASS,
            "2 FC, BCE": _MLP,
            "2 FC, per class, BCE": _MLP | _PER_CLASS,
            "2 FC, per class, focal": focal,
            last: focal | {"ATTRIBUTE_EMPTY": "exclude"},
        },
        recipe="baseline",
        epochs=8,
        limit=5000,
        evaluate=("--ap-conf", "0.5", "--attr-conf", "0.5", "--limit", "500"),
        shown=_WITH_F1,
        judged=("mask f1AP", "mask AP"),
        tables=_F1_TABLES,
        reported={
            "1 FC, BCE": _percent(columns, 13.05, 19.85, 5.55, 11.04, 14.64, 5.67),
            "1 FC, per class, BCE": _percent(columns, 12.09, 18.66, 6.43, 14.34, 12.39, 6.14),
            "2 FC, BCE": _percent(columns, 13.16, 20.02, 5.31, 8.86, 14.73, 5.52),
            "2 FC, per class, BCE": _percent(columns, 12.94, 20.25, 6.86, 14.87, 13.87, 6.94),
            last: _percent(columns, 18.63, 27.88, 9.81, 20.03, 21.42, 11.08),
        },
        source=f"{CS231N}, figures 5 and 6",
        quick=("1 FC, BCE", "2 FC, per class, BCE", last),
    )


def _thresholds() -> Study:
    """Figures 7 and 8 of the CS231n report: AP and f1AP over the two thresholds."""
    names = ("resnext101_32x8d", "resnet50", "efficientnet_lite0")
    return Study(
        "Thresholds of the CS231n report",
        {name: {"BACKBONE": name, **_MLP, **_PER_CLASS} for name in names},
        recipe="baseline",
        epochs=8,
        limit=5000,
        evaluate=("--tune", "f1_ap", "--folds", "2", "--limit", "500"),
        shown=_WITH_F1,
        tables=_F1_TABLES,
        source=f"{CS231N}, figures 7 and 8",
        quick=("efficientnet_lite0",),
        grid={
            (0.8, 0.5): {"mask AP": 0.1685, "mask f1AP": 0.0903},
            (0.5, 0.3): {"mask AP": 0.2321, "mask f1AP": 0.1263, "box AP": 0.2648}
            | {"box f1AP": 0.1410},
            (0.5, 0.4): {"mask f1AP": 0.1370, "box f1AP": 0.1545},
            (0.5, 0.5): {"mask f1AP": 0.1278, "box f1AP": 0.1442},
            (0.5, 0.7): {"mask f1AP": 0.1027, "box f1AP": 0.1157},
        },
    )


def _final() -> Study:
    """Figure 10 of the CS231n report: 40,000 photos, two epochs, SGD with Nesterov momentum."""
    columns = (
        *("box AP", "box AP50", "mask AP", "mask AP50", "mask APs", "mask APm", "mask APl"),
        *("mask f1AP", "mask f1AP50"),
    )
    names = ("resnet50", "resnext101_32x8d", "efficientnet_lite0")
    return Study(
        "Final settings of the CS231n report",
        {name: {"BACKBONE": name} for name in names},
        # Detectron2 freezes the first two stages of a ResNet.
        stages={name: [("3+", 2, 2.5e-4)] for name in names},
        recipe="cs231n",
        epochs=2,
        rate=None,
        limit=40_000,
        evaluate=("--ap-conf", "0.3", "--attr-conf", "0.4", "--limit", "2000"),
        shown=_WITH_F1,
        judged=("mask AP", "mask f1AP"),
        tables=_F1_TABLES,
        reported={
            "resnet50": _percent(
                columns, 27.72, 42.69, 24.67, 37.63, 10.82, 20.88, 28.69, 11.56, 19.05
            ),
            "resnext101_32x8d": _percent(
                columns, 26.99, 39.19, 23.74, 35.78, 7.58, 18.64, 27.94, 14.23, 29.04
            ),
        },
        source=f"{CS231N}, figure 10",
        quick=("efficientnet_lite0",),
    )


def _factors(backbones: tuple[str, str], recipe: str) -> Study:
    """The plan of the CS444 proposal: backbone x FPN x attention x augmentation."""
    levels: dict[str, dict[str, dict[str, Any]]] = {
        "backbone": {name: {"BACKBONE": name} for name in backbones},
        "neck": {"FPN": {"NECK": "fpn"}, "one level": {"NECK": "none"}},
        "attention": {"no attention": {"NECK_GATE": "none"}, "SE": {"NECK_GATE": "se"}},
        "augmentation": {"augmented": {"AUGMENT": True}, "not augmented": {"AUGMENT": False}},
    }
    variants: dict[str, dict[str, Any]] = {}
    factors: dict[str, dict[str, str]] = {factor: {} for factor in levels}
    usual = [next(iter(of_factor)) for of_factor in levels.values()]
    quick = []
    for combination in itertools.product(*levels.values()):
        name = ", ".join(combination)
        variants[name] = {}
        for (factor, settings), level in zip(levels.items(), combination, strict=True):
            variants[name] |= settings[level]
            factors[factor][name] = level
        changed = [level for level, plain in zip(combination, usual) if level != plain]
        if changed in ([], ["one level"], ["SE"]):
            quick.append(name)
    return Study(
        "Backbone, pyramid, attention and augmentation",
        variants,
        recipe=recipe,
        epochs=8 if recipe == "baseline" else 6,
        judged=("mask AP", "attribute micro F1"),
        shown=("mask AP", "mask AP50", "box AP", "mask f1AP", "attribute micro F1"),
        tables=_F1_TABLES,
        factors=factors,
        source="CS444 proposal, which has no numbers",
        quick=tuple(quick),
    )


REPORT_STUDIES = {
    "ladder": _ladder(),
    "cs231n-baselines": _baselines(),
    "cs231n-backbones": _backbones(),
    "cs231n-heads": _heads(),
    "cs231n-thresholds": _thresholds(),
    "cs231n-final": _final(),
    "cs444-factors": _factors(("resnet50", "efficientnet_b0"), "baseline"),
    "cs444-factors-small": _factors(("efficientnet_lite0", "mobilenetv3_large"), "ccp"),
    "sample-size": Study(
        "Score over the number of training photos",
        {},
        recipe="ccp",
        epochs=6,
        shown=("mask AP", "mask AP50", "box AP", "mask f1AP", "attribute micro F1"),
        judged=("mask AP", "attribute micro F1"),
        tables=_F1_TABLES,
        by_step=True,
    ).with_sizes((100, 200, 400, 700)),
}
