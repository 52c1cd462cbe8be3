"""Drawing a main garment and the parts that lie on it: sleeves, neckline, collar, lapels, pockets, buttons.

Every part gains the pixels it covers and so does its garment; a part hides other instances only.
Coordinates are the figure's own frame (see figure.py) unless a name says canvas.
"""

from __future__ import annotations

import numpy as np

from fashion.datasets.sample import labels as L
from fashion.datasets.sample.figure import ANKLE_Y, HIP_Y, KNEE_Y, WAIST_Y, mirrored
from fashion.datasets.sample.patterns import luma

# Half the width of a skirt at its hem, per silhouette: (mini, knee, midi, maxi).
_HEM_HALF = {L.PENCIL: (.094, .082, .078, .080), L.A_LINE: (.130, .148, .160, .172),
             L.FLARE: (.185, .225, .250, .270)}
_LENGTHS = (L.MINI, L.KNEE, L.MIDI, L.MAXI)
_BAND = .036            # width of the band that is annotated as the neckline


def room_under(canvas, figure, outer):
    """Canvas mask of where the clothes under `outer` can be: behind it, or below its hem."""
    to_canvas = figure.frame.to_canvas
    return canvas.polygon(to_canvas(_outline(outer)), 1) | canvas.polygon(
        to_canvas([(-2, outer.hem_y), (2, outer.hem_y), (2, 2), (-2, 2)]))


def draw_garment(canvas, figure, garment, instance, room=None):
    """The body of `garment` and the parts on it, inside the canvas mask `room`; sleeves come with the arms (draw_sleeve)."""
    if garment.category_id in (L.PANTS, L.SHORTS):
        _draw_trousers(canvas, figure, garment, instance, room)
        return
    opening = _opening(canvas, figure, garment)
    body, folds = canvas.polygon(figure.frame.to_canvas(_outline(garment)), 1), _folds(figure, garment)
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


# ---- outlines

def _outline(garment):
    """Closed polygon of the garment's body, symmetric about the spine."""
    if garment.category_id == L.SKIRT:
        side = [(.060, WAIST_Y - .008), (.076, WAIST_Y), *_skirt_side(garment)]
    else:
        tip = .108 if garment.sleeve else .086
        top = [(.030, .200), (.034, .200), (tip, .221), (tip - .004, .232), (.088, .262), (.092, .30)]
        side = top + _waist_down(garment)
    hem_half, hem_y = side[-1]
    if garment.category_id == L.JUMPSUIT:           # goes on in the trousers
        return mirrored(side)
    waves = np.linspace(1, -1, 17)[1:-1]
    depth = .012 if garment.silhouette == L.FLARE else .0          # a wavy hem
    hem = [(hem_half * t, hem_y + .010 * (1 - t * t) + depth * np.cos(5 * np.pi * t)) for t in waves]
    side = np.asarray(side)
    return np.concatenate([side, hem, side[::-1] * (-1, 1)])


def _waist_down(garment):
    hem = garment.hem_y
    if garment.category_id == L.DRESS:
        return [(.074, WAIST_Y - .01), (.077, WAIST_Y + .01), *_skirt_side(garment)]
    if garment.category_id == L.JUMPSUIT:
        return [(.078, WAIST_Y), (.097, .47), (.097, .50)]
    if garment.category_id == L.COAT:
        if garment.silhouette == L.STRAIGHT:
            return [(.108, .40), (.114, .50), (.116, hem), (.116, hem)]
        return [(.092, .40), (.115, .50), (.165 if garment.length == L.KNEE else .18, hem)]
    if garment.category_id == L.JACKET:
        return _cut([(.100, .36), (.106, .45), (.112, .56)], hem)
    fit = [(.075, WAIST_Y), (.100, .50), (.101, .56)] if garment.silhouette == L.TIGHT_FIT else [
        (.112, .36), (.126, .45), (.130, .56)]
    return _cut(fit, hem)


def _skirt_side(garment):
    half, hem = _HEM_HALF[garment.silhouette][_LENGTHS.index(garment.length)], garment.hem_y
    if garment.silhouette == L.PENCIL:
        return [(.099, .485), (.099, .53), (half, hem), (half, hem)]
    bulge = 1.0 if garment.silhouette == L.A_LINE else .85
    return [(.077 + (half - .077) * t ** bulge, WAIST_Y + (hem - WAIST_Y) * t) for t in (.35, .7, 1.0, 1.0)]


def _cut(side, hem_y):
    """`side` (half width, y) with everything below hem_y replaced by a point at hem_y."""
    half, y = np.asarray(side).T
    above = [(h, level) for h, level in side if level < hem_y - .01]
    return above + [(float(np.interp(hem_y, y, half)), hem_y)] * 2


def _draw_trousers(canvas, figure, garment, instance, room):
    frame = figure.frame
    mask = _trousers(canvas, figure, garment)
    if room is not None:
        mask &= room
    canvas.paint(mask, frame.shader(garment.cloth), [instance], _creases(figure, garment))
    waistband = frame.to_canvas([(-.09, WAIST_Y + .022), (.09, WAIST_Y + .022)])
    canvas.stroke(waistband, _ink(garment), .005 * frame.scale, clip=mask & instance.mask)


def _trousers(canvas, figure, garment):
    """Canvas mask of the seat and the two legs, from the waist to the hem."""
    frame, hem = figure.frame, garment.hem_y
    wide = .066 if garment.category_id == L.SHORTS else .046
    knee, end = (.040, .088) if garment.silhouette == L.FLARE else (wide, wide)
    mask = canvas.polygon(frame.to_canvas(mirrored([(.075, WAIST_Y), (.097, .47), (.100, .53), (.0, .56)])))
    for leg, side in zip(figure.legs, (-1, 1)):
        ys = np.linspace(HIP_Y, hem, 6)
        xs = np.interp(ys, leg[:, 1], leg[:, 0])
        halves = np.interp(ys, [HIP_Y, KNEE_Y - .02, ANKLE_Y], [.053, knee, end])
        # The legs stay apart below the crotch, or trousers would look like a skirt.
        inner = np.minimum(halves, np.maximum(side * xs - .006 - .05 * np.maximum(ys - .56, 0), .02))
        outline = np.concatenate([np.stack([xs + side * halves, ys], 1),
                                  np.stack([xs - side * inner, ys], 1)[::-1]])
        mask |= canvas.polygon(frame.to_canvas(outline))
    return mask


def _creases(figure, garment):
    """Canvas polylines: down the middle of each leg, and from the fly to the crotch."""
    legs = [np.stack([leg[:, 0], np.minimum(leg[:, 1], garment.hem_y)], 1) for leg in figure.legs]
    return [figure.frame.to_canvas(line) for line in (*legs, [(0, .46), (.003, .56), (0, .64)])]


def _folds(figure, garment):
    """Canvas polylines along which the cloth falls in folds: many in a flared skirt, two in a narrow one."""
    to_canvas, hem = figure.frame.to_canvas, garment.hem_y
    if garment.category_id == L.JUMPSUIT:
        return _creases(figure, garment)
    if hem < .58:
        return [to_canvas([(s * .09, .31), (s * .05, .345), (s * .045, .36)]) for s in (-1, 1)]
    count = {L.FLARE: 7, L.A_LINE: 4, L.PENCIL: 2, L.STRAIGHT: 2}[garment.silhouette]
    half = _outline(garment)[:, 0].max()
    spread = (np.arange(count) + .5) / count * 2 - 1
    return [to_canvas([(.05 * t, WAIST_Y + .05), (.45 * half * t + .02 * t, .5 * (hem + WAIST_Y)),
                       (.92 * half * t, hem)])
            for t in spread]


# ---- the neck: what is cut out, and what edges it

def _opening(canvas, figure, garment):
    """Canvas mask of the hole at the neck (and down the front, when worn open), or None."""
    to_canvas, hem = figure.frame.to_canvas, garment.hem_y
    if garment.category_id in (L.JACKET, L.COAT):
        if garment.open_front:
            return canvas.polygon(to_canvas([(-.040, .18), (.040, .18), (.048, .30), (.055, hem + .05),
                                             (-.055, hem + .05), (-.048, .30)]))
        if garment.lapel:
            return canvas.polygon(to_canvas([(-.040, .18), (.040, .18), (0, .36)]))
        return None
    if garment.collar:
        return canvas.polygon(to_canvas([(-.03, .18), (.03, .18), (0, .245)]))
    if garment.neckline == L.ROUND_NECK:
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        return canvas.polygon(to_canvas(np.stack([.052 * np.cos(angle), .200 + .052 * np.sin(angle)], 1)))
    if garment.neckline == L.V_NECK:
        return canvas.polygon(to_canvas([(-.052, .17), (.052, .17), (.046, .205), (0, .310), (-.046, .205)]))
    if garment.neckline == L.SQUARE_NECK:
        return canvas.polygon(to_canvas([(-.056, .17), (.056, .17), (.056, .268), (-.056, .268)]))
    return None


def _draw_neck(canvas, figure, garment, instance, body, opening):
    frame, trim = figure.frame, figure.frame.shader(garment.cloth.trim())
    if garment.neckline:
        if garment.neckline == L.TURTLE_NECK:
            band = canvas.polygon(frame.to_canvas(mirrored([(.030, .155), (.038, .165), (.045, .222),
                                                            (.0, .245)])))
        else:
            band = canvas.grow(opening, _BAND * frame.scale) & body
        canvas.paint(band, trim, [instance, canvas.instance(L.NECKLINE, [garment.neckline])], relief=.5)
    if garment.collar:
        wing = [(.002, .236), (.026, .172), (.042, .190), (.066, .250), (.040, .283)]
        mask = canvas.polygon(frame.to_canvas(wing))
        mask |= canvas.polygon(frame.to_canvas(np.array(wing) * (-1, 1)))
        canvas.paint(mask, trim, [instance, canvas.instance(L.COLLAR, [garment.collar])], relief=.6)
    if garment.lapel:
        _draw_lapels(canvas, figure, garment, instance)


def _draw_lapels(canvas, figure, garment, instance):
    end = (.050, .40) if garment.open_front else (.004, .375)
    inner = [(.036, .185), (.048, .30)] if garment.open_front else [(.036, .185)]
    if garment.lapel == L.NOTCHED_LAPEL:
        wing = [*inner, end, (.098, .292), (.070, .272), (.098, .252), (.066, .196)]
    else:
        wing = [*inner, end, (.080, .36), (.100, .30), (.098, .25), (.078, .21), (.056, .188)]
    trim = figure.frame.shader(garment.cloth.trim())
    lapel = canvas.instance(L.LAPEL, [garment.lapel])
    for side in (-1, 1):
        canvas.paint(canvas.polygon(figure.frame.to_canvas(np.array(wing) * (side, 1))), trim,
                     [instance, lapel], relief=.7)


# ---- hem band, buttons, zip, pockets

def _draw_hem_band(canvas, figure, garment, instance, body):
    band = canvas.polygon(figure.frame.to_canvas(mirrored([(.2, garment.hem_y - .034),
                                                           (.2, garment.hem_y + .05)]))) & body
    ribs = [figure.frame.to_canvas([(x, garment.hem_y - .03), (x, garment.hem_y + .02)])
            for x in np.linspace(-.12, .12, 13)]
    canvas.paint(band, figure.frame.shader(garment.cloth.trim()), [instance], ribs, relief=.8)


def _draw_opening(canvas, figure, garment, body):
    frame, unit, ink = figure.frame, figure.frame.scale, _ink(garment)
    if garment.opening in (None, L.NO_OPENING):
        return
    outer = garment.category_id in (L.JACKET, L.COAT)
    top = .40 if outer and garment.lapel else .27
    bottom = min(garment.hem_y - .03, .70)
    edge = .062 if garment.open_front else 0.0
    if garment.opening == L.ZIP_UP:
        steel = (225, 225, 218) if luma(garment.cloth.base) < 140 else (70, 72, 80)
        for x in ((-edge, edge) if garment.open_front else (0.0,)):
            line = frame.to_canvas([(x * .8, .21), (x, .30), (x, garment.hem_y + .02)])
            canvas.stroke(line, (50, 50, 54), .022 * unit, clip=body)
            canvas.stroke(line, steel, .013 * unit, clip=body)
        return
    if not garment.open_front:
        canvas.stroke(frame.to_canvas([(.018, top - .03), (.018, garment.hem_y + .02)]), ink, .005 * unit,
                      clip=body)
    columns = (-.048, .048) if garment.opening == L.DOUBLE_BREASTED else (edge,)
    if garment.opening == L.DOUBLE_BREASTED and garment.open_front:
        columns = (.068, .100)
    radius = .0125 if outer else .0095
    for x in columns:
        for y in np.arange(top + .01, bottom, .062 if outer else .045):
            canvas.spot(frame.to_canvas((x, y)), (radius + .003) * unit, (60, 55, 50))
            canvas.spot(frame.to_canvas((x, y)), radius * unit, _button(garment))


def _draw_pockets(canvas, figure, garment, instance, body):
    if not garment.pocket:
        return
    cloth = garment.cloth.trim()
    for outline in _pocket_outlines(garment):
        mask = canvas.polygon(figure.frame.to_canvas(outline)) & body
        canvas.paint(mask, figure.frame.shader(cloth),
                     [instance, canvas.instance(L.POCKET, [garment.pocket])], relief=.5)


def _pocket_outlines(garment):
    if garment.pocket == L.KANGAROO_POCKET:
        return [mirrored([(.050, .420), (.088, .480), (.088, .505), (.0, .505)])]
    if garment.category_id == L.SHIRT:
        return [[(.020, .292), (.082, .292), (.082, .352), (.051, .368), (.020, .352)]]
    x, y = {L.JACKET: (.060, .435), L.SKIRT: (.066, .47), L.COAT: (.068, .52)}[garment.category_id]
    if garment.pocket == L.FLAP_POCKET:
        flap = np.array([(-.040, 0), (.040, 0), (.040, .036), (.0, .050), (-.040, .036)])
    else:
        flap = np.array([(-.035, 0), (.035, 0), (.035, .066), (.0, .078), (-.035, .066)])
    return [flap * (side, 1) + (side * (x + (.012 if garment.open_front else 0)), y) for side in (-1, 1)]


def _ink(garment):
    return tuple(int(c * .45) for c in garment.cloth.base)


def _button(garment):
    return (245, 236, 210) if luma(garment.cloth.base) < 150 else (48, 36, 34)


# ---- sleeves

def draw_sleeve(canvas, figure, arm, garment, instance):
    """One sleeve along an arm; its pixels belong to the sleeve and to the garment."""
    frame, cloth = figure.frame, garment.cloth
    outer = {L.JACKET: .006, L.COAT: .006, L.SWEATER: .003}.get(garment.category_id, 0.0)
    puff = L.PUFF_SLEEVE in garment.sleeve
    if puff:
        points, radii = arm.until(.075), (.052, .062)
    elif L.SHORT in garment.sleeve:
        points, radii = arm.until(.088), (.040, .044)
    else:
        points, radii = arm.until(.288), (.040, .036, .031)
    sleeve = canvas.instance(L.SLEEVE, garment.sleeve)
    color = frame.shader(cloth, frame.mirror * arm.angle)
    mask = canvas.limb(frame.to_canvas(points), frame.scale * (np.array(radii) + outer))
    canvas.paint(mask, color, [instance, sleeve])
    if puff or garment.category_id in (L.SWEATER, L.SHIRT) or garment.opening == L.ZIP_UP:      # a cuff
        end = points[-1]
        along = (end - points[-2]) / np.hypot(*(end - points[-2]))
        start = end + (.030 if puff else -.012) * along
        cuff = canvas.limb(frame.to_canvas([start, start + .014 * along]),
                           frame.scale * np.array([.034, .034]))
        canvas.paint(cuff, frame.shader(cloth.trim()), [instance, sleeve], relief=.6)
