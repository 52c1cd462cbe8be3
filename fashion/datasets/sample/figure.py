"""The doll: where its joints are, how its frame maps to the canvas, and how skin, hair and face are drawn.

The figure's own frame: x right from the spine, y down from the crown, 1 = its height, soles at y = 0.98.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SKIN = ((255, 224, 196), (241, 194, 150), (224, 172, 125), (198, 134, 84), (141, 85, 50), (92, 58, 40))
HAIR = ((30, 24, 22), (62, 40, 28), (106, 68, 38), (160, 110, 55), (216, 178, 104), (150, 58, 32),
        (168, 168, 172))

HIP_Y, KNEE_Y, ANKLE_Y, SOLE_Y = .50, .735, .915, .98
WAIST_Y, SHOULDER_Y = .40, .225
UPPER_ARM, FOREARM = .150, .150
HANGING, AKIMBO, ACROSS, RAISED = "hanging", "akimbo", "across", "raised"


@dataclass(frozen=True)
class Frame:
    """Maps the figure's frame to canvas pixels: sway, build, lean about the feet, mirror, scale, shift."""

    scale: float            # canvas pixels per figure height
    foot_xy: tuple          # canvas position of the point between the feet
    lean: float = 0.0       # radians
    sway: float = 0.0       # sideways curve of the body, in figure heights
    build: float = 1.15     # width factor
    mirror: float = 1.0     # 1 or -1

    def to_canvas(self, points):
        """(..., 2) xy figure frame -> (..., 2) xy canvas pixels."""
        points = np.asarray(points, np.float64)
        x = self.mirror * (points[..., 0] * self.build + self.sway * np.sin(2.6 * (SOLE_Y - points[..., 1])))
        y = points[..., 1] - SOLE_Y
        c, s = np.cos(self.lean), np.sin(self.lean)
        return np.stack([self.foot_xy[0] + self.scale * (c * x - s * y),
                         self.foot_xy[1] + self.scale * (s * x + c * y)], -1)

    def shader(self, cloth, angle=0.0):
        """Colour function of a cloth whose pattern is turned by `angle` (a sleeve's follows the arm)."""
        c, s = np.cos(angle + self.lean) / self.scale, np.sin(angle + self.lean) / self.scale

        def color(x, y):
            x, y = (x - np.float32(self.foot_xy[0]))[None, :], (y - np.float32(self.foot_xy[1]))[:, None]
            return cloth.texture((c * x + s * y).astype(np.float32), (c * y - s * x).astype(np.float32))
        return color


@dataclass(frozen=True)
class Arm:
    """Shoulder, elbow and wrist in the figure's frame; `behind` arms are drawn before the body."""

    points: np.ndarray
    pose: str
    behind: bool

    @property
    def angle(self):
        dx, dy = self.points[1] - self.points[0]
        return float(np.arctan2(-dx, dy))

    def until(self, length):
        """The polyline cut off after `length` (figure heights) from the shoulder."""
        first, second = np.hypot(*np.diff(self.points, axis=0).T)
        if length <= first:
            end = self.points[0] + (self.points[1] - self.points[0]) * length / first
            return np.stack([self.points[0], end])
        end = self.points[1] + (self.points[2] - self.points[1]) * min((length - first) / second, 1.0)
        return np.stack([self.points[0], self.points[1], end])


@dataclass(frozen=True)
class Figure:
    """A posed doll. legs: two (3, 2) arrays hip, knee, ankle; feet_turn: -1..1 where the toes point."""

    frame: Frame
    arms: tuple
    legs: tuple
    feet_turn: tuple
    skin: tuple
    hair: tuple
    hair_style: str


def random_figure(rng, frame, narrow_stance):
    """narrow_stance: the legs must stay inside a pencil skirt."""
    return Figure(frame, tuple(_random_arm(rng, side) for side in (-1, 1)), *_random_legs(rng, narrow_stance),
                  skin=SKIN[rng.integers(len(SKIN))], hair=HAIR[rng.integers(len(HAIR))],
                  hair_style=str(rng.choice(["short", "bob", "long", "bun", "bald"],
                                            p=[.25, .25, .3, .15, .05])))


def _random_arm(rng, side):
    pose = str(rng.choice([HANGING, AKIMBO, ACROSS, RAISED], p=[.5, .2, .17, .13]))
    upper, bend = {HANGING: (rng.uniform(8, 38), rng.uniform(-12, 25)),
                   AKIMBO: (rng.uniform(38, 55), rng.uniform(-95, -80)),
                   ACROSS: (rng.uniform(8, 20), rng.uniform(-105, -75)),
                   RAISED: (rng.uniform(75, 120), rng.uniform(20, 75))}[pose]
    first, second = np.radians(upper), np.radians(upper + bend)
    shoulder = np.array([side * .092, SHOULDER_Y + .018])
    elbow = shoulder + UPPER_ARM * np.array([side * np.sin(first), np.cos(first)])
    wrist = elbow + FOREARM * np.array([side * np.sin(second), np.cos(second)])
    return Arm(np.stack([shoulder, elbow, wrist]), pose,
               bool(pose in (AKIMBO, HANGING) and rng.random() < .3))


def _random_legs(rng, narrow):
    spread = rng.uniform(.035, .05) if narrow else rng.uniform(.04, .115)
    step = 0.0 if narrow else rng.uniform(-.035, .035)
    legs, turns = [], []
    for side in (-1, 1):
        ankle = np.array([side * spread + step, ANKLE_Y - .012 * rng.random()])
        knee = np.array([side * .5 * (.052 + spread) + .5 * step + rng.uniform(-.01, .01), KNEE_Y])
        legs.append(np.stack([[side * .042, HIP_Y], knee, ankle]))
        turns.append(side * rng.uniform(.2, 1.0))
    if not narrow and rng.random() < .3:           # walking: both feet point the same way
        turns = [turns[1], abs(turns[1])]
    return tuple(legs), tuple(turns)


# ---- drawing

def draw_back_hair(canvas, figure):
    if figure.hair_style == "long":
        outline = [(-.07, .07), (-.085, .18), (-.088, .30), (-.03, .33), (.03, .33), (.088, .30), (.085, .18),
                   (.07, .07)]
        canvas.paint(canvas.polygon(figure.frame.to_canvas(outline), 2), figure.hair, relief=.6)


def draw_legs(canvas, figure, in_trousers):
    """Bare legs; inside long trousers only the ankles, or skin would show between the trouser legs."""
    radii = figure.frame.scale * np.array([.023, .023] if in_trousers else [.052, .037, .023])
    for leg in figure.legs:
        points = [.3 * leg[1] + .7 * leg[2], leg[2]] if in_trousers else leg
        canvas.paint(canvas.limb(figure.frame.to_canvas(points), radii), figure.skin, relief=.8)


def draw_torso(canvas, figure):
    side = [(.030, .17), (.032, .205), (.098, .222), (.090, .30), (.070, .40), (.092, .49), (.06, .54)]
    canvas.paint(canvas.polygon(figure.frame.to_canvas(mirrored(side)), 1), figure.skin, relief=.6)


def draw_arm(canvas, figure, arm):
    frame = figure.frame
    points = frame.to_canvas(arm.points)
    canvas.paint(canvas.limb(points, frame.scale * np.array([.031, .027, .019])), figure.skin, relief=.8)
    draw_hand(canvas, figure, arm)


def draw_hand(canvas, figure, arm):
    frame = figure.frame
    wrist, elbow = arm.points[2], arm.points[1]
    tip = wrist + .030 * (wrist - elbow) / FOREARM
    canvas.paint(canvas.limb(frame.to_canvas([wrist, tip]), frame.scale * np.array([.017, .020])),
                 figure.skin,
                 relief=.6)


def draw_head(canvas, figure):
    frame, style = figure.frame, figure.hair_style
    if style == "bun":
        canvas.paint(_ellipse(canvas, frame, (0, .008), (.03, .03)), figure.hair, relief=.6)
    if style in ("bob", "long"):
        canvas.paint(_ellipse(canvas, frame, (0, .082), (.073, .084)), figure.hair, relief=.6)
    face = _ellipse(canvas, frame, (0, .100), (.056, .080))
    canvas.paint(face, figure.skin, relief=.6)
    _draw_face(canvas, figure)
    if style != "bald":
        crown = [(-.064, .105), (-.070, .06), (-.045, .012), (0, .002), (.045, .012), (.070, .06),
                 (.064, .105),
                 (.05, .062), (.01, .045), (-.03, .058)]
        canvas.paint(canvas.polygon(frame.to_canvas(crown), 2), figure.hair, relief=.6)


def _draw_face(canvas, figure):
    frame, unit = figure.frame, figure.frame.scale
    dark = tuple(int(c * .35) for c in figure.skin)
    for side in (-1, 1):
        canvas.spot(frame.to_canvas((side * .024, .103)), .0062 * unit, (35, 30, 30))
        canvas.stroke(frame.to_canvas([(side * .013, .086), (side * .036, .084)]), dark, .005 * unit)
    canvas.stroke(frame.to_canvas([(.002, .108), (.006, .124), (-.002, .126)]), dark, .003 * unit)
    canvas.stroke(frame.to_canvas([(-.016, .146), (0, .151), (.016, .146)]), (172, 62, 66), .007 * unit)


def _ellipse(canvas, frame, center, radii):
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return canvas.polygon(frame.to_canvas(np.stack([center[0] + radii[0] * np.cos(angle),
                                                    center[1] + radii[1] * np.sin(angle)], -1)))


def mirrored(side):
    """Right-hand outline, top to bottom, -> closed symmetric polygon."""
    side = np.asarray(side, np.float64)
    return np.concatenate([side, side[::-1] * (-1, 1)])
