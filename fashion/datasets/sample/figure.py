"""Doll: its joints, how its frame maps to the canvas, and how skin, hair and face are drawn.

Frame of the figure: x right from the spine, y down from the crown, 1 is its height, soles at
y = 0.98.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fashion.datasets.sample.canvas import Canvas
from fashion.datasets.sample.patterns import Cloth
from mrcnn.typing import Array

SKIN = (
    (255, 224, 196),
    (241, 194, 150),
    (224, 172, 125),
    (198, 134, 84),
    (141, 85, 50),
    (92, 58, 40),
)
HAIR = (
    (30, 24, 22),
    (62, 40, 28),
    (106, 68, 38),
    (160, 110, 55),
    (216, 178, 104),
    (150, 58, 32),
    (168, 168, 172),
)

HIP_Y, KNEE_Y, ANKLE_Y, SOLE_Y = 0.50, 0.735, 0.915, 0.98
WAIST_Y, SHOULDER_Y = 0.40, 0.225
UPPER_ARM, FOREARM = 0.150, 0.150
HANGING, AKIMBO, ACROSS, RAISED = "hanging", "akimbo", "across", "raised"


@dataclass(frozen=True)
class Frame:
    """Maps the frame of a figure to the canvas.

    Attributes:
        scale: Canvas pixels per figure height.
        foot_xy: Canvas position of the point between the feet.
        lean: Radians, about the feet.
        sway: Sideways curve of the body, figure heights.
        build: Factor on widths.
        mirror: 1 or -1.
    """

    scale: float
    foot_xy: tuple[float, float]
    lean: float = 0.0
    sway: float = 0.0
    build: float = 1.15
    mirror: float = 1.0

    def to_canvas(self, points: Any) -> Array:
        """Moves points to the canvas.

        Args:
            points: `(..., 2)` xy, frame of the figure.

        Returns:
            `(..., 2)` xy, canvas pixels.
        """
        points = np.asarray(points, np.float64)
        x = self.mirror * (
            points[..., 0] * self.build + self.sway * np.sin(2.6 * (SOLE_Y - points[..., 1]))
        )
        y = points[..., 1] - SOLE_Y
        c, s = np.cos(self.lean), np.sin(self.lean)
        return np.stack(
            [
                self.foot_xy[0] + self.scale * (c * x - s * y),
                self.foot_xy[1] + self.scale * (s * x + c * y),
            ],
            -1,
        )

    def shader(self, cloth: Cloth, angle: float = 0.0) -> Callable[[Array, Array], Array]:
        """Makes the colour function of a cloth on this figure.

        Args:
            cloth: The cloth.
            angle: Turns the pattern, radians; that of a sleeve follows the arm.

        Returns:
            A function for `Canvas.paint`.
        """
        c, s = np.cos(angle + self.lean) / self.scale, np.sin(angle + self.lean) / self.scale

        def color(x, y):
            x, y = (
                (x - np.float32(self.foot_xy[0]))[None, :],
                (y - np.float32(self.foot_xy[1]))[:, None],
            )
            return cloth.texture(
                (c * x + s * y).astype(np.float32), (c * y - s * x).astype(np.float32)
            )

        return color


@dataclass(frozen=True)
class Arm:
    """An arm.

    Attributes:
        points: `(3, 2)` shoulder, elbow, wrist, frame of the figure.
        pose: HANGING, AKIMBO, ACROSS or RAISED.
        behind: Whether it is drawn before the body.
    """

    points: Array
    pose: str
    behind: bool

    @property
    def angle(self) -> float:
        """Angle of the upper arm to the vertical, radians."""
        dx, dy = self.points[1] - self.points[0]
        return float(np.arctan2(-dx, dy))

    def until(self, length: float) -> Array:
        """Cuts the arm off.

        Args:
            length: Distance from the shoulder, figure heights.

        Returns:
            `(2 or 3, 2)` polyline from the shoulder.
        """
        first, second = np.hypot(*np.diff(self.points, axis=0).T)
        if length <= first:
            end = self.points[0] + (self.points[1] - self.points[0]) * length / first
            return np.stack([self.points[0], end])
        end = self.points[1] + (self.points[2] - self.points[1]) * min(
            (length - first) / second, 1.0
        )
        return np.stack([self.points[0], self.points[1], end])


@dataclass(frozen=True)
class Figure:
    """A posed doll.

    Attributes:
        frame: Where it stands.
        arms: Two arms.
        legs: Two `(3, 2)` arrays: hip, knee, ankle.
        feet_turn: Where the toes of each foot point, -1..1.
        skin: RGB.
        hair: RGB.
        hair_style: "short", "bob", "long", "bun" or "bald".
    """

    frame: Frame
    arms: tuple[Arm, ...]
    legs: tuple[Array, ...]
    feet_turn: tuple[float, ...]
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    hair_style: str


def random_figure(rng: np.random.Generator, frame: Frame, narrow_stance: bool) -> Figure:
    """Draws the pose and the looks of a doll.

    Args:
        rng: Random numbers.
        frame: Where it stands.
        narrow_stance: Whether the legs must stay inside a pencil skirt.

    Returns:
        The doll.
    """
    arms = tuple(_random_arm(rng, side) for side in (-1, 1))
    legs, feet_turn = _random_legs(rng, narrow_stance)
    return Figure(
        frame,
        arms,
        legs,
        feet_turn,
        skin=SKIN[rng.integers(len(SKIN))],
        hair=HAIR[rng.integers(len(HAIR))],
        hair_style=str(
            rng.choice(["short", "bob", "long", "bun", "bald"], p=[0.25, 0.25, 0.3, 0.15, 0.05])
        ),
    )


def _random_arm(rng, side):
    pose = str(rng.choice([HANGING, AKIMBO, ACROSS, RAISED], p=[0.5, 0.2, 0.17, 0.13]))
    upper, bend = {
        HANGING: (rng.uniform(8, 38), rng.uniform(-12, 25)),
        AKIMBO: (rng.uniform(38, 55), rng.uniform(-95, -80)),
        ACROSS: (rng.uniform(8, 20), rng.uniform(-105, -75)),
        RAISED: (rng.uniform(75, 120), rng.uniform(20, 75)),
    }[pose]
    first, second = np.radians(upper), np.radians(upper + bend)
    shoulder = np.array([side * 0.092, SHOULDER_Y + 0.018])
    elbow = shoulder + UPPER_ARM * np.array([side * np.sin(first), np.cos(first)])
    wrist = elbow + FOREARM * np.array([side * np.sin(second), np.cos(second)])
    return Arm(
        np.stack([shoulder, elbow, wrist]),
        pose,
        bool(pose in (AKIMBO, HANGING) and rng.random() < 0.3),
    )


def _random_legs(rng, narrow):
    spread = rng.uniform(0.035, 0.05) if narrow else rng.uniform(0.04, 0.115)
    step = 0.0 if narrow else rng.uniform(-0.035, 0.035)
    legs, turns = [], []
    for side in (-1, 1):
        ankle = np.array([side * spread + step, ANKLE_Y - 0.012 * rng.random()])
        knee = np.array(
            [side * 0.5 * (0.052 + spread) + 0.5 * step + rng.uniform(-0.01, 0.01), KNEE_Y]
        )
        legs.append(np.stack([[side * 0.042, HIP_Y], knee, ankle]))
        turns.append(side * rng.uniform(0.2, 1.0))
    if not narrow and rng.random() < 0.3:  # walking: both feet point the same way
        turns = [turns[1], abs(turns[1])]
    return tuple(legs), tuple(turns)


def draw_back_hair(canvas: Canvas, figure: Figure) -> None:
    """Draws long hair, which lies behind the body.

    Args:
        canvas: The canvas.
        figure: The doll.
    """
    if figure.hair_style == "long":
        outline = [
            (-0.07, 0.07),
            (-0.085, 0.18),
            (-0.088, 0.30),
            (-0.03, 0.33),
            (0.03, 0.33),
            (0.088, 0.30),
            (0.085, 0.18),
            (0.07, 0.07),
        ]
        canvas.paint(canvas.polygon(figure.frame.to_canvas(outline), 2), figure.hair, relief=0.6)


def draw_legs(canvas: Canvas, figure: Figure, in_trousers: bool) -> None:
    """Draws bare legs.

    Args:
        canvas: The canvas.
        figure: The doll.
        in_trousers: Draws the ankles only, or skin would show between the trouser legs.
    """
    radii = figure.frame.scale * np.array([0.023, 0.023] if in_trousers else [0.052, 0.037, 0.023])
    for leg in figure.legs:
        points = [0.3 * leg[1] + 0.7 * leg[2], leg[2]] if in_trousers else leg
        canvas.paint(canvas.limb(figure.frame.to_canvas(points), radii), figure.skin, relief=0.8)


def draw_torso(canvas: Canvas, figure: Figure) -> None:
    """Draws the bare trunk.

    Args:
        canvas: The canvas.
        figure: The doll.
    """
    side = [
        (0.030, 0.17),
        (0.032, 0.205),
        (0.098, 0.222),
        (0.090, 0.30),
        (0.070, 0.40),
        (0.092, 0.49),
        (0.06, 0.54),
    ]
    canvas.paint(canvas.polygon(figure.frame.to_canvas(mirrored(side)), 1), figure.skin, relief=0.6)


def draw_arm(canvas: Canvas, figure: Figure, arm: Arm) -> None:
    """Draws a bare arm with its hand.

    Args:
        canvas: The canvas.
        figure: The doll.
        arm: One of its arms.
    """
    frame = figure.frame
    points = frame.to_canvas(arm.points)
    canvas.paint(
        canvas.limb(points, frame.scale * np.array([0.031, 0.027, 0.019])), figure.skin, relief=0.8
    )
    draw_hand(canvas, figure, arm)


def draw_hand(canvas: Canvas, figure: Figure, arm: Arm) -> None:
    """Draws the hand of an arm.

    Args:
        canvas: The canvas.
        figure: The doll.
        arm: One of its arms.
    """
    frame = figure.frame
    wrist, elbow = arm.points[2], arm.points[1]
    tip = wrist + 0.030 * (wrist - elbow) / FOREARM
    canvas.paint(
        canvas.limb(frame.to_canvas([wrist, tip]), frame.scale * np.array([0.017, 0.020])),
        figure.skin,
        relief=0.6,
    )


def draw_head(canvas: Canvas, figure: Figure) -> None:
    """Draws head, face and hair.

    Args:
        canvas: The canvas.
        figure: The doll.
    """
    frame, style = figure.frame, figure.hair_style
    if style == "bun":
        canvas.paint(_ellipse(canvas, frame, (0, 0.008), (0.03, 0.03)), figure.hair, relief=0.6)
    if style in ("bob", "long"):
        canvas.paint(_ellipse(canvas, frame, (0, 0.082), (0.073, 0.084)), figure.hair, relief=0.6)
    face = _ellipse(canvas, frame, (0, 0.100), (0.056, 0.080))
    canvas.paint(face, figure.skin, relief=0.6)
    _draw_face(canvas, figure)
    if style != "bald":
        crown = [
            (-0.064, 0.105),
            (-0.070, 0.06),
            (-0.045, 0.012),
            (0, 0.002),
            (0.045, 0.012),
            (0.070, 0.06),
            (0.064, 0.105),
            (0.05, 0.062),
            (0.01, 0.045),
            (-0.03, 0.058),
        ]
        canvas.paint(canvas.polygon(frame.to_canvas(crown), 2), figure.hair, relief=0.6)


def _draw_face(canvas, figure):
    frame, unit = figure.frame, figure.frame.scale
    dark = tuple(int(c * 0.35) for c in figure.skin)
    for side in (-1, 1):
        canvas.spot(frame.to_canvas((side * 0.024, 0.103)), 0.0062 * unit, (35, 30, 30))
        canvas.stroke(
            frame.to_canvas([(side * 0.013, 0.086), (side * 0.036, 0.084)]), dark, 0.005 * unit
        )
    canvas.stroke(
        frame.to_canvas([(0.002, 0.108), (0.006, 0.124), (-0.002, 0.126)]), dark, 0.003 * unit
    )
    canvas.stroke(
        frame.to_canvas([(-0.016, 0.146), (0, 0.151), (0.016, 0.146)]), (172, 62, 66), 0.007 * unit
    )


def _ellipse(canvas, frame, center, radii):
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return canvas.polygon(
        frame.to_canvas(
            np.stack(
                [center[0] + radii[0] * np.cos(angle), center[1] + radii[1] * np.sin(angle)], -1
            )
        )
    )


def mirrored(side: Sequence) -> Array:
    """Closes the outline of a right-hand side symmetrically.

    Args:
        side: N points xy, from top to bottom.

    Returns:
        `(2 * N, 2)` float64, a closed polygon.
    """
    points = np.asarray(side, np.float64)
    return np.concatenate([points, points[::-1] * (-1, 1)])
