"""Drawing accessories: shoes, tights, belt, hat, glasses, scarf, bag.

Coordinates are those of the figure, see `figure`.
"""

from __future__ import annotations

import numpy as np

from fashion.datasets.sample import labels as L
from fashion.datasets.sample.canvas import Canvas, Instance, Paint
from fashion.datasets.sample.figure import (
    HANGING,
    SOLE_Y,
    WAIST_Y,
    Figure,
    Frame,
    draw_hand,
    mirrored,
)
from fashion.datasets.sample.patterns import RGB, Cloth


def draw_tights(canvas: Canvas, figure: Figure, color: RGB) -> None:
    """Draws tights.

    Args:
        canvas: The canvas.
        figure: The doll.
        color: Of the tights.
    """
    frame = figure.frame
    tights = canvas.instance(L.TIGHTS)
    for leg in figure.legs:
        thigh = leg[0] + 0.3 * (leg[1] - leg[0])  # no higher: the hips of a slim skirt are narrower
        points = frame.to_canvas([thigh, leg[1], leg[2]])
        canvas.paint(
            canvas.limb(points, frame.scale * np.array([0.048, 0.039, 0.026])), color, [tights]
        )


def draw_shoes(canvas: Canvas, figure: Figure, style: str, color: RGB) -> None:
    """Draws two shoes, an instance each.

    Args:
        canvas: The canvas.
        figure: The doll.
        style: "boot" reaches up the shin, "sneaker" has a white sole, "flat" is plain.
        color: Of the shoes.
    """
    frame = figure.frame
    for leg, turn in zip(figure.legs, figure.feet_turn):
        ankle_x, ankle_y = leg[2]
        left, right = ankle_x - 0.032 + min(turn, 0) * 0.045, ankle_x + 0.032 + max(turn, 0) * 0.045
        top = ankle_y + 0.012 if style == "flat" else ankle_y - 0.004
        foot = [
            (ankle_x - 0.030, top),
            (ankle_x + 0.030, top),
            (right, SOLE_Y - 0.022),
            (right, SOLE_Y + 0.006),
            (left, SOLE_Y + 0.006),
            (left, SOLE_Y - 0.022),
        ]
        mask = canvas.polygon(frame.to_canvas(foot), 1)
        if style == "boot":
            shin = leg[2] + 0.48 * (leg[1] - leg[2])
            shaft = [
                shin + (-0.038, 0),
                shin + (0.038, 0),
                (ankle_x + 0.032, ankle_y + 0.02),
                (ankle_x - 0.032, ankle_y + 0.02),
            ]
            mask |= canvas.polygon(frame.to_canvas(shaft))
        shoe = canvas.instance(L.SHOE)
        canvas.paint(mask, color, [shoe])
        if style == "sneaker":
            sole = [
                (left - 0.01, SOLE_Y - 0.010),
                (right + 0.01, SOLE_Y - 0.010),
                (right + 0.01, SOLE_Y + 0.02),
                (left - 0.01, SOLE_Y + 0.02),
            ]
            visible = canvas.polygon(frame.to_canvas(sole)) & mask
            canvas.paint(visible, (244, 244, 240), [shoe], relief=0.3)


def draw_belt(canvas: Canvas, figure: Figure, color: RGB, over: Instance) -> None:
    """Draws a broad belt at the waist.

    Args:
        canvas: The canvas.
        figure: The doll.
        color: Of the belt.
        over: The garment below; the belt is drawn where it is visible.
    """
    frame = figure.frame
    band = canvas.polygon(
        frame.to_canvas(mirrored([(0.2, WAIST_Y - 0.016), (0.2, WAIST_Y + 0.036)]))
    )
    band &= over.mask
    canvas.paint(band, color, [canvas.instance(L.BELT)])
    buckle = np.array([(-0.020, -0.004), (0.020, -0.004), (0.020, 0.024), (-0.020, 0.024)])
    outline = frame.to_canvas(buckle + (0, WAIST_Y))
    canvas.stroke(outline, (228, 196, 92), 0.009 * frame.scale, clip=band, closed=True)


def draw_glasses(canvas: Canvas, figure: Figure, color: RGB) -> None:
    """Draws glasses.

    Args:
        canvas: The canvas.
        figure: The doll.
        color: Of the frame and the lenses.
    """
    frame = figure.frame
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    mask = canvas.polygon(
        frame.to_canvas([(-0.058, 0.088), (0.058, 0.088), (0.058, 0.099), (-0.058, 0.099)])
    )
    for side in (-1, 1):
        lens = np.stack([side * 0.028 + 0.0270 * np.cos(angle), 0.105 + 0.0275 * np.sin(angle)], 1)
        mask |= canvas.polygon(frame.to_canvas(lens))
    canvas.paint(mask, color, [canvas.instance(L.GLASSES)], relief=0.3)
    for side in (-1, 1):
        canvas.stroke(
            frame.to_canvas([(side * 0.028 - 0.012, 0.098), (side * 0.028 - 0.002, 0.092)]),
            (235, 240, 245),
            0.006 * frame.scale,
        )


def draw_hat(canvas: Canvas, figure: Figure, style: str, cloth: Cloth) -> None:
    """Draws a hat.

    Args:
        canvas: The canvas.
        figure: The doll.
        style: "beanie", "cap" or "brim".
        cloth: Of the hat.
    """
    draw = {"beanie": _draw_beanie, "cap": _draw_cap, "brim": _draw_brimmed_hat}[style]
    frame, hat = figure.frame, canvas.instance(L.HAT)
    draw(canvas, frame, hat, frame.shader(cloth), frame.shader(cloth.trim()))


def _draw_beanie(canvas: Canvas, frame: Frame, hat: Instance, color: Paint, trim: Paint) -> None:
    dome = [
        (-0.076, 0.068),
        (-0.076, 0.01),
        (-0.045, -0.045),
        (0, -0.055),
        (0.045, -0.045),
        (0.076, 0.01),
        (0.076, 0.068),
    ]
    fold = [(-0.080, 0.030), (0.080, 0.030), (0.080, 0.072), (-0.080, 0.072)]
    canvas.paint(canvas.polygon(frame.to_canvas(dome), 1), color, [hat])
    ribs = [frame.to_canvas([(x, 0.03), (x, 0.072)]) for x in np.linspace(-0.07, 0.07, 9)]
    canvas.paint(canvas.polygon(frame.to_canvas(fold)), trim, [hat], ribs)


def _draw_cap(canvas: Canvas, frame: Frame, hat: Instance, color: Paint, trim: Paint) -> None:
    dome = [
        (-0.073, 0.055),
        (-0.073, 0.01),
        (-0.045, -0.030),
        (0, -0.038),
        (0.045, -0.030),
        (0.073, 0.01),
        (0.073, 0.055),
    ]
    visor = [
        (-0.02, 0.040),
        (0.070, 0.036),
        (0.125, 0.060),
        (0.120, 0.072),
        (0.06, 0.062),
        (-0.02, 0.062),
    ]
    canvas.paint(
        canvas.polygon(frame.to_canvas(dome), 1),
        color,
        [hat],
        [frame.to_canvas([(0, -0.03), (0, 0.05)])],
    )
    canvas.paint(canvas.polygon(frame.to_canvas(visor), 1), trim, [hat])


def _draw_brimmed_hat(
    canvas: Canvas, frame: Frame, hat: Instance, color: Paint, trim: Paint
) -> None:
    crown = [
        (-0.066, 0.05),
        (-0.060, -0.02),
        (-0.045, -0.055),
        (0, -0.048),
        (0.045, -0.055),
        (0.060, -0.02),
        (0.066, 0.05),
    ]
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    brim = np.stack([0.135 * np.cos(angle), 0.050 + 0.021 * np.sin(angle)], 1)
    band = [(-0.068, 0.018), (0.068, 0.018), (0.068, 0.044), (-0.068, 0.044)]
    canvas.paint(canvas.polygon(frame.to_canvas(brim)), color, [hat])
    mask = canvas.polygon(frame.to_canvas(crown), 1)
    canvas.paint(mask, color, [hat])
    canvas.paint(canvas.polygon(frame.to_canvas(band)) & mask, trim, [hat], relief=0.4)


def draw_scarf(canvas: Canvas, figure: Figure, cloth: Cloth, length: float) -> None:
    """Draws a scarf, a loop round the neck and one end hanging down.

    Args:
        canvas: The canvas.
        figure: The doll.
        cloth: Of the scarf.
        length: Of the end, figure heights.
    """
    frame, scarf = figure.frame, canvas.instance(L.SCARF)
    color = frame.shader(cloth)
    end = [(0.012, 0.20), (0.066, 0.20), (0.076, 0.20 + length), (0.018, 0.205 + length)]
    fringe = [
        frame.to_canvas([(x, 0.18 + length), (x + 0.004, 0.21 + length)])
        for x in np.linspace(0.02, 0.07, 6)
    ]
    canvas.paint(canvas.polygon(frame.to_canvas(end)), color, [scarf], fringe)
    loop = [
        (-0.050, 0.168),
        (0.050, 0.168),
        (0.082, 0.195),
        (0.080, 0.232),
        (0.035, 0.256),
        (-0.035, 0.256),
        (-0.080, 0.232),
        (-0.082, 0.195),
    ]
    folds = [
        frame.to_canvas([(-0.07, 0.20), (0, 0.222), (0.07, 0.198)]),
        frame.to_canvas([(-0.06, 0.225), (0.01, 0.24), (0.06, 0.22)]),
    ]
    canvas.paint(canvas.polygon(frame.to_canvas(loop), 2), color, [scarf], folds)


def draw_hand_bag(canvas: Canvas, figure: Figure, color: RGB) -> None:
    """Draws a bag in the first hand that hangs down in front; none if no hand does.

    Args:
        canvas: The canvas.
        figure: The doll.
        color: Of the bag.
    """
    frame = figure.frame
    arm = next((a for a in figure.arms if a.pose == HANGING and not a.behind), None)
    if arm is None:
        return
    x, y = arm.points[2] + 0.022 * (arm.points[2] - arm.points[1]) / 0.15
    bag = canvas.instance(L.BAG)
    for dx in (-0.045, 0.045):
        handle = frame.to_canvas([(x + 0.1 * dx, y), (x + dx, y + 0.07)])
        canvas.paint(canvas.limb(handle, [0.007 * frame.scale] * 2), color, [bag])
    body = np.array([(-0.070, 0.06), (0.070, 0.06), (0.088, 0.185), (-0.088, 0.185)]) + (x, y)
    _draw_bag_body(canvas, frame, body, color, bag, y + 0.105)
    draw_hand(canvas, figure, arm)


def draw_cross_bag(canvas: Canvas, figure: Figure, color: RGB, side: int) -> None:
    """Draws a bag at the hip on a strap across the chest.

    Args:
        canvas: The canvas.
        figure: The doll.
        color: Of the bag.
        side: The hip, -1 or 1.
    """
    frame, bag = figure.frame, canvas.instance(L.BAG)
    strap = frame.to_canvas([(-side * 0.062, 0.212), (side * 0.10, 0.46)])
    canvas.paint(canvas.limb(strap, [0.010 * frame.scale] * 2), color, [bag])
    body = np.array([(-0.068, 0), (0.068, 0), (0.072, 0.115), (-0.072, 0.115)])
    body = body + (side * 0.115, 0.445)
    _draw_bag_body(canvas, frame, body, color, bag, 0.49)


def _draw_bag_body(canvas, frame, outline, color, bag, seam_y):
    mask = canvas.polygon(frame.to_canvas(outline), 1)
    canvas.paint(mask, color, [bag], relief=1.2)
    left, right = outline[:, 0].min(), outline[:, 0].max()
    dark = tuple(int(c * 0.5) for c in color)
    canvas.stroke(
        frame.to_canvas([(left, seam_y), (right, seam_y)]), dark, 0.006 * frame.scale, clip=mask
    )
    canvas.spot(
        frame.to_canvas((0.5 * (left + right), seam_y)), 0.010 * frame.scale, (232, 205, 120)
    )
