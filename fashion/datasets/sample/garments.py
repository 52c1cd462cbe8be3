"""Drawing main garments and their parts: sleeves, neckline, collar, lapels, pockets, buttons.

The pixels of a part belong to its garment as well. Coordinates are those of the figure, see
`figure`, unless a name says canvas.
"""

from __future__ import annotations

import numpy as np

from fashion.datasets.sample import labels as L
from fashion.datasets.sample.canvas import Canvas, Instance
from fashion.datasets.sample.figure import (
    ANKLE_Y,
    HIP_Y,
    KNEE_Y,
    WAIST_Y,
    Arm,
    Figure,
    mirrored,
)
from fashion.datasets.sample.outfit import Garment
from fashion.datasets.sample.patterns import luma
from mrcnn.typing import Array

# Half the width of a skirt at its hem, per silhouette: (mini, knee, midi, maxi).
_HEM_HALF = {
    L.PENCIL: (0.094, 0.082, 0.078, 0.080),
    L.A_LINE: (0.130, 0.148, 0.160, 0.172),
    L.FLARE: (0.185, 0.225, 0.250, 0.270),
}
_LENGTHS = (L.MINI, L.KNEE, L.MIDI, L.MAXI)
_BAND = 0.036  # width of the band that is annotated as the neckline


def room_under(canvas: Canvas, figure: Figure, outer: Garment) -> Array:
    """Finds where the clothes under a garment can be: behind it, or below its hem.

    Args:
        canvas: The canvas.
        figure: The doll.
        outer: A jacket or a coat.

    Returns:
        A mask of the canvas.
    """
    to_canvas = figure.frame.to_canvas
    below = [(-2, outer.hem_y), (2, outer.hem_y), (2, 2), (-2, 2)]
    return canvas.polygon(to_canvas(_outline(outer)), 1) | canvas.polygon(to_canvas(below))


def draw_garment(
    canvas: Canvas,
    figure: Figure,
    garment: Garment,
    instance: Instance,
    room: Array | None = None,
) -> None:
    """Draws a garment and its parts, except for the sleeves, which come with the arms.

    Args:
        canvas: The canvas.
        figure: The doll.
        garment: What to draw.
        instance: Gains its pixels.
        room: Mask of the canvas that the garment stays inside; None for no limit.
    """
    if garment.category_id in (L.PANTS, L.SHORTS):
        _draw_trousers(canvas, figure, garment, instance, room)
        return
    opening = _opening(canvas, figure, garment)
    body = canvas.polygon(figure.frame.to_canvas(_outline(garment)), 1)
    folds = _folds(figure, garment)
    if garment.category_id == L.JUMPSUIT:
        body |= _trousers(canvas, figure, garment)
    if opening is not None:
        body &= ~opening
    if room is not None:
        body &= room
    canvas.paint(body, figure.frame.shader(garment.cloth), [instance], folds)
    if garment.category_id == L.SWEATER or garment.opening == L.ZIP_UP:
        _draw_hem_band(canvas, figure, garment, instance, body)
    _draw_opening(canvas, figure, garment, body)
    _draw_pockets(canvas, figure, garment, instance, body)
    _draw_neck(canvas, figure, garment, instance, body, opening)


# Outlines


def _outline(garment):
    """Closed polygon of the garment's body, symmetric about the spine."""
    if garment.category_id == L.SKIRT:
        side = [(0.060, WAIST_Y - 0.008), (0.076, WAIST_Y), *_skirt_side(garment)]
    else:
        tip = 0.108 if garment.sleeve else 0.086
        top = [
            (0.030, 0.200),
            (0.034, 0.200),
            (tip, 0.221),
            (tip - 0.004, 0.232),
            (0.088, 0.262),
            (0.092, 0.30),
        ]
        side = top + _waist_down(garment)
    hem_half, hem_y = side[-1]
    if garment.category_id == L.JUMPSUIT:  # continues in the trousers
        return mirrored(side)
    waves = np.linspace(1, -1, 17)[1:-1]
    depth = 0.012 if garment.silhouette == L.FLARE else 0.0  # a wavy hem
    hem = [
        (hem_half * t, hem_y + 0.010 * (1 - t * t) + depth * np.cos(5 * np.pi * t)) for t in waves
    ]
    side = np.asarray(side)
    return np.concatenate([side, hem, side[::-1] * (-1, 1)])


def _waist_down(garment):
    hem = garment.hem_y
    if garment.category_id == L.DRESS:
        return [(0.074, WAIST_Y - 0.01), (0.077, WAIST_Y + 0.01), *_skirt_side(garment)]
    if garment.category_id == L.JUMPSUIT:
        return [(0.078, WAIST_Y), (0.097, 0.47), (0.097, 0.50)]
    if garment.category_id == L.COAT:
        if garment.silhouette == L.STRAIGHT:
            return [(0.108, 0.40), (0.114, 0.50), (0.116, hem), (0.116, hem)]
        return [(0.092, 0.40), (0.115, 0.50), (0.165 if garment.length == L.KNEE else 0.18, hem)]
    if garment.category_id == L.JACKET:
        return _cut([(0.100, 0.36), (0.106, 0.45), (0.112, 0.56)], hem)
    fit = (
        [(0.075, WAIST_Y), (0.100, 0.50), (0.101, 0.56)]
        if garment.silhouette == L.TIGHT_FIT
        else [(0.112, 0.36), (0.126, 0.45), (0.130, 0.56)]
    )
    return _cut(fit, hem)


def _skirt_side(garment):
    half, hem = _HEM_HALF[garment.silhouette][_LENGTHS.index(garment.length)], garment.hem_y
    if garment.silhouette == L.PENCIL:
        return [(0.099, 0.485), (0.099, 0.53), (half, hem), (half, hem)]
    bulge = 1.0 if garment.silhouette == L.A_LINE else 0.85
    return [
        (0.077 + (half - 0.077) * t**bulge, WAIST_Y + (hem - WAIST_Y) * t)
        for t in (0.35, 0.7, 1.0, 1.0)
    ]


def _cut(side, hem_y):
    """A side (half width, y) that ends at `hem_y`."""
    half, y = np.asarray(side).T
    above = [(h, level) for h, level in side if level < hem_y - 0.01]
    return above + [(float(np.interp(hem_y, y, half)), hem_y)] * 2


def _draw_trousers(canvas, figure, garment, instance, room):
    frame = figure.frame
    mask = _trousers(canvas, figure, garment)
    if room is not None:
        mask &= room
    canvas.paint(mask, frame.shader(garment.cloth), [instance], _creases(figure, garment))
    waistband = frame.to_canvas([(-0.09, WAIST_Y + 0.022), (0.09, WAIST_Y + 0.022)])
    canvas.stroke(waistband, _ink(garment), 0.005 * frame.scale, clip=mask & instance.mask)


def _trousers(canvas, figure, garment):
    """Canvas mask of the seat and the two legs, from the waist to the hem."""
    frame, hem = figure.frame, garment.hem_y
    wide = 0.066 if garment.category_id == L.SHORTS else 0.046
    knee, end = (0.040, 0.088) if garment.silhouette == L.FLARE else (wide, wide)
    mask = canvas.polygon(
        frame.to_canvas(mirrored([(0.075, WAIST_Y), (0.097, 0.47), (0.100, 0.53), (0.0, 0.56)]))
    )
    for leg, side in zip(figure.legs, (-1, 1)):
        ys = np.linspace(HIP_Y, hem, 6)
        xs = np.interp(ys, leg[:, 1], leg[:, 0])
        halves = np.interp(ys, [HIP_Y, KNEE_Y - 0.02, ANKLE_Y], [0.053, knee, end])
        # The legs stay apart below the crotch, or trousers would look like a skirt.
        inner = np.minimum(
            halves, np.maximum(side * xs - 0.006 - 0.05 * np.maximum(ys - 0.56, 0), 0.02)
        )
        outline = np.concatenate(
            [np.stack([xs + side * halves, ys], 1), np.stack([xs - side * inner, ys], 1)[::-1]]
        )
        mask |= canvas.polygon(frame.to_canvas(outline))
    return mask


def _creases(figure, garment):
    """Canvas polylines: down the middle of each leg, and from the fly to the crotch."""
    legs = [np.stack([leg[:, 0], np.minimum(leg[:, 1], garment.hem_y)], 1) for leg in figure.legs]
    return [figure.frame.to_canvas(line) for line in (*legs, [(0, 0.46), (0.003, 0.56), (0, 0.64)])]


def _folds(figure, garment):
    """Canvas polylines of the folds: many in a flared skirt, two in a narrow one."""
    to_canvas, hem = figure.frame.to_canvas, garment.hem_y
    if garment.category_id == L.JUMPSUIT:
        return _creases(figure, garment)
    if hem < 0.58:
        return [
            to_canvas([(s * 0.09, 0.31), (s * 0.05, 0.345), (s * 0.045, 0.36)]) for s in (-1, 1)
        ]
    count = {L.FLARE: 7, L.A_LINE: 4, L.PENCIL: 2, L.STRAIGHT: 2}[garment.silhouette]
    half = _outline(garment)[:, 0].max()
    spread = (np.arange(count) + 0.5) / count * 2 - 1
    folds = []
    for t in spread:
        middle = (0.45 * half * t + 0.02 * t, 0.5 * (hem + WAIST_Y))
        folds.append(to_canvas([(0.05 * t, WAIST_Y + 0.05), middle, (0.92 * half * t, hem)]))
    return folds


# The neck: the hole, and what edges it


def _opening(canvas, figure, garment):
    """Canvas mask of the hole at the neck (and down the front, when worn open), or None."""
    to_canvas, hem = figure.frame.to_canvas, garment.hem_y
    if garment.category_id in (L.JACKET, L.COAT):
        if garment.open_front:
            front = [
                (-0.040, 0.18),
                (0.040, 0.18),
                (0.048, 0.30),
                (0.055, hem + 0.05),
                (-0.055, hem + 0.05),
                (-0.048, 0.30),
            ]
            return canvas.polygon(to_canvas(front))
        if garment.lapel:
            return canvas.polygon(to_canvas([(-0.040, 0.18), (0.040, 0.18), (0, 0.36)]))
        return None
    if garment.collar:
        return canvas.polygon(to_canvas([(-0.03, 0.18), (0.03, 0.18), (0, 0.245)]))
    if garment.neckline == L.ROUND_NECK:
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        return canvas.polygon(
            to_canvas(np.stack([0.052 * np.cos(angle), 0.200 + 0.052 * np.sin(angle)], 1))
        )
    if garment.neckline == L.V_NECK:
        return canvas.polygon(
            to_canvas([(-0.052, 0.17), (0.052, 0.17), (0.046, 0.205), (0, 0.310), (-0.046, 0.205)])
        )
    if garment.neckline == L.SQUARE_NECK:
        return canvas.polygon(
            to_canvas([(-0.056, 0.17), (0.056, 0.17), (0.056, 0.268), (-0.056, 0.268)])
        )
    return None


def _draw_neck(canvas, figure, garment, instance, body, opening):
    frame, trim = figure.frame, figure.frame.shader(garment.cloth.trim())
    if garment.neckline:
        if garment.neckline == L.TURTLE_NECK:
            band = canvas.polygon(
                frame.to_canvas(
                    mirrored([(0.030, 0.155), (0.038, 0.165), (0.045, 0.222), (0.0, 0.245)])
                )
            )
        else:
            band = canvas.grow(opening, _BAND * frame.scale) & body
        canvas.paint(
            band, trim, [instance, canvas.instance(L.NECKLINE, [garment.neckline])], relief=0.5
        )
    if garment.collar:
        wing = [(0.002, 0.236), (0.026, 0.172), (0.042, 0.190), (0.066, 0.250), (0.040, 0.283)]
        mask = canvas.polygon(frame.to_canvas(wing))
        mask |= canvas.polygon(frame.to_canvas(np.array(wing) * (-1, 1)))
        canvas.paint(
            mask, trim, [instance, canvas.instance(L.COLLAR, [garment.collar])], relief=0.6
        )
    if garment.lapel:
        _draw_lapels(canvas, figure, garment, instance)


def _draw_lapels(canvas, figure, garment, instance):
    end = (0.050, 0.40) if garment.open_front else (0.004, 0.375)
    inner = [(0.036, 0.185), (0.048, 0.30)] if garment.open_front else [(0.036, 0.185)]
    if garment.lapel == L.NOTCHED_LAPEL:
        wing = [*inner, end, (0.098, 0.292), (0.070, 0.272), (0.098, 0.252), (0.066, 0.196)]
    else:
        wing = [
            *inner,
            end,
            (0.080, 0.36),
            (0.100, 0.30),
            (0.098, 0.25),
            (0.078, 0.21),
            (0.056, 0.188),
        ]
    trim = figure.frame.shader(garment.cloth.trim())
    lapel = canvas.instance(L.LAPEL, [garment.lapel])
    for side in (-1, 1):
        canvas.paint(
            canvas.polygon(figure.frame.to_canvas(np.array(wing) * (side, 1))),
            trim,
            [instance, lapel],
            relief=0.7,
        )


# Hem band, buttons, zip, pockets


def _draw_hem_band(canvas, figure, garment, instance, body):
    side = [(0.2, garment.hem_y - 0.034), (0.2, garment.hem_y + 0.05)]
    band = canvas.polygon(figure.frame.to_canvas(mirrored(side))) & body
    ribs = [
        figure.frame.to_canvas([(x, garment.hem_y - 0.03), (x, garment.hem_y + 0.02)])
        for x in np.linspace(-0.12, 0.12, 13)
    ]
    canvas.paint(band, figure.frame.shader(garment.cloth.trim()), [instance], ribs, relief=0.8)


def _draw_opening(canvas, figure, garment, body):
    frame, unit, ink = figure.frame, figure.frame.scale, _ink(garment)
    if garment.opening in (None, L.NO_OPENING):
        return
    outer = garment.category_id in (L.JACKET, L.COAT)
    top = 0.40 if outer and garment.lapel else 0.27
    bottom = min(garment.hem_y - 0.03, 0.70)
    edge = 0.062 if garment.open_front else 0.0
    if garment.opening == L.ZIP_UP:
        steel = (225, 225, 218) if luma(garment.cloth.base) < 140 else (70, 72, 80)
        for x in (-edge, edge) if garment.open_front else (0.0,):
            line = frame.to_canvas([(x * 0.8, 0.21), (x, 0.30), (x, garment.hem_y + 0.02)])
            canvas.stroke(line, (50, 50, 54), 0.022 * unit, clip=body)
            canvas.stroke(line, steel, 0.013 * unit, clip=body)
        return
    if not garment.open_front:
        canvas.stroke(
            frame.to_canvas([(0.018, top - 0.03), (0.018, garment.hem_y + 0.02)]),
            ink,
            0.005 * unit,
            clip=body,
        )
    columns = (-0.048, 0.048) if garment.opening == L.DOUBLE_BREASTED else (edge,)
    if garment.opening == L.DOUBLE_BREASTED and garment.open_front:
        columns = (0.068, 0.100)
    radius = 0.0125 if outer else 0.0095
    for x in columns:
        for y in np.arange(top + 0.01, bottom, 0.062 if outer else 0.045):
            canvas.spot(frame.to_canvas((x, y)), (radius + 0.003) * unit, (60, 55, 50))
            canvas.spot(frame.to_canvas((x, y)), radius * unit, _button(garment))


def _draw_pockets(canvas, figure, garment, instance, body):
    if not garment.pocket:
        return
    cloth = garment.cloth.trim()
    for outline in _pocket_outlines(garment):
        mask = canvas.polygon(figure.frame.to_canvas(outline)) & body
        canvas.paint(
            mask,
            figure.frame.shader(cloth),
            [instance, canvas.instance(L.POCKET, [garment.pocket])],
            relief=0.5,
        )


def _pocket_outlines(garment):
    if garment.pocket == L.KANGAROO_POCKET:
        return [mirrored([(0.050, 0.420), (0.088, 0.480), (0.088, 0.505), (0.0, 0.505)])]
    if garment.category_id == L.SHIRT:
        return [[(0.020, 0.292), (0.082, 0.292), (0.082, 0.352), (0.051, 0.368), (0.020, 0.352)]]
    x, y = {L.JACKET: (0.060, 0.435), L.SKIRT: (0.066, 0.47), L.COAT: (0.068, 0.52)}[
        garment.category_id
    ]
    if garment.pocket == L.FLAP_POCKET:
        flap = np.array([(-0.040, 0), (0.040, 0), (0.040, 0.036), (0.0, 0.050), (-0.040, 0.036)])
    else:
        flap = np.array([(-0.035, 0), (0.035, 0), (0.035, 0.066), (0.0, 0.078), (-0.035, 0.066)])
    return [
        flap * (side, 1) + (side * (x + (0.012 if garment.open_front else 0)), y)
        for side in (-1, 1)
    ]


def _ink(garment):
    return tuple(int(c * 0.45) for c in garment.cloth.base)


def _button(garment):
    return (245, 236, 210) if luma(garment.cloth.base) < 150 else (48, 36, 34)


# Sleeves


def draw_sleeve(
    canvas: Canvas, figure: Figure, arm: Arm, garment: Garment, instance: Instance
) -> None:
    """Draws a sleeve along an arm, an instance of its own.

    Args:
        canvas: The canvas.
        figure: The doll.
        arm: One of its arms.
        garment: What the sleeve is part of.
        instance: The garment's, which gains the pixels as well.
    """
    frame, cloth = figure.frame, garment.cloth
    outer = {L.JACKET: 0.006, L.COAT: 0.006, L.SWEATER: 0.003}.get(garment.category_id, 0.0)
    puff = L.PUFF_SLEEVE in garment.sleeve
    radii: tuple[float, ...]  # at each point
    if puff:
        points, radii = arm.until(0.075), (0.052, 0.062)
    elif L.SHORT in garment.sleeve:
        points, radii = arm.until(0.088), (0.040, 0.044)
    else:
        points, radii = arm.until(0.288), (0.040, 0.036, 0.031)
    sleeve = canvas.instance(L.SLEEVE, garment.sleeve)
    color = frame.shader(cloth, frame.mirror * arm.angle)
    mask = canvas.limb(frame.to_canvas(points), frame.scale * (np.array(radii) + outer))
    canvas.paint(mask, color, [instance, sleeve])
    if puff or garment.category_id in (L.SWEATER, L.SHIRT) or garment.opening == L.ZIP_UP:  # a cuff
        end = points[-1]
        along = (end - points[-2]) / np.hypot(*(end - points[-2]))
        start = end + (0.030 if puff else -0.012) * along
        cuff = canvas.limb(
            frame.to_canvas([start, start + 0.014 * along]), frame.scale * np.array([0.034, 0.034])
        )
        canvas.paint(cuff, frame.shader(cloth.trim()), [instance, sleeve], relief=0.6)
