"""Drawing what is worn beside the main garments: shoes, tights, belt, hat, glasses, scarf, bag."""

from __future__ import annotations

import numpy as np

from fashion.datasets.sample import labels as L
from fashion.datasets.sample.figure import HANGING, SOLE_Y, WAIST_Y, draw_hand, mirrored


def draw_tights(canvas, figure, color):
    frame = figure.frame
    tights = canvas.instance(L.TIGHTS)
    for leg in figure.legs:
        thigh = leg[0] + .3 * (leg[1] - leg[0])         # no higher: the hips of a slim skirt are narrower
        points = frame.to_canvas([thigh, leg[1], leg[2]])
        canvas.paint(canvas.limb(points, frame.scale * np.array([.048, .039, .026])), color, [tights])


def draw_shoes(canvas, figure, style, color):
    """Two instances. A boot reaches up the shin; a sneaker has a white sole and toe; a flat is plain."""
    frame = figure.frame
    for leg, turn in zip(figure.legs, figure.feet_turn):
        ankle_x, ankle_y = leg[2]
        left, right = ankle_x - .032 + min(turn, 0) * .045, ankle_x + .032 + max(turn, 0) * .045
        top = ankle_y + .012 if style == "flat" else ankle_y - .004
        foot = [(ankle_x - .030, top), (ankle_x + .030, top), (right, SOLE_Y - .022), (right, SOLE_Y + .006),
                (left, SOLE_Y + .006), (left, SOLE_Y - .022)]
        mask = canvas.polygon(frame.to_canvas(foot), 1)
        if style == "boot":
            shin = leg[2] + .48 * (leg[1] - leg[2])
            mask |= canvas.polygon(frame.to_canvas([shin + (-.038, 0), shin + (.038, 0),
                                                    (ankle_x + .032, ankle_y + .02),
                                                    (ankle_x - .032, ankle_y + .02)]))
        shoe = canvas.instance(L.SHOE)
        canvas.paint(mask, color, [shoe])
        if style == "sneaker":
            sole = canvas.polygon(frame.to_canvas([(left - .01, SOLE_Y - .010), (right + .01, SOLE_Y - .010),
                                                   (right + .01, SOLE_Y + .02),
                                                   (left - .01, SOLE_Y + .02)])) & mask
            canvas.paint(sole, (244, 244, 240), [shoe], relief=.3)


def draw_belt(canvas, figure, color, over):
    """A broad belt at the waist, only where the garment instance `over` can be seen."""
    frame = figure.frame
    band = canvas.polygon(frame.to_canvas(mirrored([(.2, WAIST_Y - .016), (.2, WAIST_Y + .036)]))) & over.mask
    canvas.paint(band, color, [canvas.instance(L.BELT)])
    buckle = np.array([(-.020, -.004), (.020, -.004), (.020, .024), (-.020, .024)]) + (0, WAIST_Y)
    canvas.stroke(frame.to_canvas(buckle), (228, 196, 92), .009 * frame.scale, clip=band, closed=True)


def draw_glasses(canvas, figure, color):
    frame = figure.frame
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    mask = canvas.polygon(frame.to_canvas([(-.058, .088), (.058, .088), (.058, .099), (-.058, .099)]))
    for side in (-1, 1):
        lens = np.stack([side * .028 + .0270 * np.cos(angle), .105 + .0275 * np.sin(angle)], 1)
        mask |= canvas.polygon(frame.to_canvas(lens))
    canvas.paint(mask, color, [canvas.instance(L.GLASSES)], relief=.3)
    for side in (-1, 1):
        canvas.stroke(frame.to_canvas([(side * .028 - .012, .098), (side * .028 - .002, .092)]),
                      (235, 240, 245),
                      .006 * frame.scale)


def draw_hat(canvas, figure, style, cloth):
    frame, hat = figure.frame, canvas.instance(L.HAT)
    color, trim = frame.shader(cloth), frame.shader(cloth.trim())
    if style == "beanie":
        dome = [(-.076, .068), (-.076, .01), (-.045, -.045), (0, -.055), (.045, -.045), (.076, .01),
                (.076, .068)]
        fold = [(-.080, .030), (.080, .030), (.080, .072), (-.080, .072)]
        canvas.paint(canvas.polygon(frame.to_canvas(dome), 1), color, [hat])
        ribs = [frame.to_canvas([(x, .03), (x, .072)]) for x in np.linspace(-.07, .07, 9)]
        canvas.paint(canvas.polygon(frame.to_canvas(fold)), trim, [hat], ribs)
    elif style == "cap":
        dome = [(-.073, .055), (-.073, .01), (-.045, -.030), (0, -.038), (.045, -.030), (.073, .01),
                (.073, .055)]
        visor = [(-.02, .040), (.070, .036), (.125, .060), (.120, .072), (.06, .062), (-.02, .062)]
        canvas.paint(canvas.polygon(frame.to_canvas(dome), 1), color, [hat],
                     [frame.to_canvas([(0, -.03), (0, .05)])])
        canvas.paint(canvas.polygon(frame.to_canvas(visor), 1), trim, [hat])
    else:
        crown = [(-.066, .05), (-.060, -.02), (-.045, -.055), (0, -.048), (.045, -.055), (.060, -.02),
                 (.066, .05)]
        angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        brim = np.stack([.135 * np.cos(angle), .050 + .021 * np.sin(angle)], 1)
        band = [(-.068, .018), (.068, .018), (.068, .044), (-.068, .044)]
        canvas.paint(canvas.polygon(frame.to_canvas(brim)), color, [hat])
        mask = canvas.polygon(frame.to_canvas(crown), 1)
        canvas.paint(mask, color, [hat])
        canvas.paint(canvas.polygon(frame.to_canvas(band)) & mask, trim, [hat], relief=.4)


def draw_scarf(canvas, figure, cloth, length):
    """A loop round the neck and one end hanging down; `length` in figure heights."""
    frame, scarf = figure.frame, canvas.instance(L.SCARF)
    color = frame.shader(cloth)
    end = [(.012, .20), (.066, .20), (.076, .20 + length), (.018, .205 + length)]
    fringe = [frame.to_canvas([(x, .18 + length), (x + .004, .21 + length)])
              for x in np.linspace(.02, .07, 6)]
    canvas.paint(canvas.polygon(frame.to_canvas(end)), color, [scarf], fringe)
    loop = [(-.050, .168), (.050, .168), (.082, .195), (.080, .232), (.035, .256), (-.035, .256),
            (-.080, .232), (-.082, .195)]
    folds = [frame.to_canvas([(-.07, .20), (0, .222), (.07, .198)]),
             frame.to_canvas([(-.06, .225), (.01, .24), (.06, .22)])]
    canvas.paint(canvas.polygon(frame.to_canvas(loop), 2), color, [scarf], folds)


def draw_hand_bag(canvas, figure, color):
    """A bag hanging from the first hand that hangs down in front. Returns False when no hand is free."""
    frame = figure.frame
    arm = next((a for a in figure.arms if a.pose == HANGING and not a.behind), None)
    if arm is None:
        return False
    x, y = arm.points[2] + .022 * (arm.points[2] - arm.points[1]) / .15
    bag = canvas.instance(L.BAG)
    for dx in (-.045, .045):
        canvas.paint(canvas.limb(frame.to_canvas([(x + .1 * dx, y), (x + dx, y + .07)]),
                                 [.007 * frame.scale] * 2), color, [bag])
    body = np.array([(-.070, .06), (.070, .06), (.088, .185), (-.088, .185)]) + (x, y)
    _draw_bag_body(canvas, frame, body, color, bag, y + .105)
    draw_hand(canvas, figure, arm)
    return True


def draw_cross_bag(canvas, figure, color, side):
    """A bag at the hip on a strap across the chest."""
    frame, bag = figure.frame, canvas.instance(L.BAG)
    canvas.paint(canvas.limb(frame.to_canvas([(-side * .062, .212), (side * .10, .46)]),
                             [.010 * frame.scale] * 2), color, [bag])
    body = np.array([(-.068, 0), (.068, 0), (.072, .115), (-.072, .115)]) + (side * .115, .445)
    _draw_bag_body(canvas, frame, body, color, bag, .49)


def _draw_bag_body(canvas, frame, outline, color, bag, seam_y):
    mask = canvas.polygon(frame.to_canvas(outline), 1)
    canvas.paint(mask, color, [bag], relief=1.2)
    left, right = outline[:, 0].min(), outline[:, 0].max()
    dark = tuple(int(c * .5) for c in color)
    canvas.stroke(frame.to_canvas([(left, seam_y), (right, seam_y)]), dark, .006 * frame.scale, clip=mask)
    canvas.spot(frame.to_canvas((.5 * (left + right), seam_y)), .010 * frame.scale, (232, 205, 120))
