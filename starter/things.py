"""The one thing that may stand in a landscape, in one of nine colours that cover most of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import ImageDraw

Color = tuple[int, int, int]

COLORS: dict[str, Color] = {
    "red": (218, 34, 36),
    "blue": (30, 70, 224),
    "green": (34, 160, 66),
    "yellow": (248, 210, 44),
    "purple": (142, 54, 196),
    "orange": (248, 130, 24),
    "white": (247, 247, 247),
    "black": (24, 24, 28),
    "pink": (248, 128, 184),
}


def mix(a: Color, b: Color, t: float) -> Color:
    """A share t of b in a."""
    return int(a[0] + (b[0] - a[0]) * t), int(a[1] + (b[1] - a[1]) * t), int(a[2] + (b[2] - a[2]) * t)


def scaled(color: Color, factor: float) -> Color:
    return mix((0, 0, 0), color, factor)


@dataclass(frozen=True)
class Brush:
    """Where and how a thing is drawn. Its lengths are shares of `unit`; y grows downwards from the thing's foot."""

    pen: ImageDraw.ImageDraw
    unit: float
    x: float
    y: float
    color: Color
    daylight: float
    random: random.Random

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        self.pen.polygon([(self.x + px * self.unit, self.y + py * self.unit) for px, py in points], color)

    def box(self, left: float, top: float, right: float, bottom: float, color: Color) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def disc(self, x: float, y: float, rx: float, ry: float, color: Color) -> None:
        cx, cy = self.x + x * self.unit, self.y + y * self.unit
        self.pen.ellipse((cx - rx * self.unit, cy - ry * self.unit, cx + rx * self.unit, cy + ry * self.unit), color)

    def lit(self, color: Color) -> Color:
        return scaled(color, 0.3 + 0.7 * self.daylight)

    @property
    def dark(self) -> Color:
        return scaled(self.color, 0.72)

    @property
    def window(self) -> Color:
        return (255, 226, 130) if self.daylight < 0.8 else (196, 224, 242)


def boat(b: Brush) -> None:
    b.polygon([(0.015, -0.36), (0.015, -0.02), (0.2, -0.02)], b.color)
    b.polygon([(-0.015, -0.32), (-0.015, -0.02), (-0.16, -0.02)], mix(b.color, (255, 255, 255), 0.15))
    b.box(-0.008, -0.38, 0.008, 0.0, b.lit((92, 62, 42)))
    b.polygon([(-0.22, 0.0), (0.22, 0.0), (0.15, 0.09), (-0.15, 0.09)], b.dark)
    b.box(-0.22, -0.005, 0.22, 0.012, b.lit((235, 225, 205)))


def house(b: Brush) -> None:
    b.box(-0.17, -0.2, 0.17, 0.0, b.color)
    b.polygon([(-0.21, -0.2), (0.21, -0.2), (0.0, -0.35)], b.lit((106, 62, 52)))
    for side in (-0.1, 0.1):
        b.box(side - 0.03, -0.15, side + 0.03, -0.08, b.window)
    b.box(-0.027, -0.1, 0.027, 0.0, b.lit((84, 54, 38)))


def tree(b: Brush) -> None:
    b.box(-0.022, -0.2, 0.022, 0.0, b.lit((98, 64, 40)))
    for _ in range(10):
        dx, dy, radius = b.random.uniform(-0.1, 0.1), b.random.uniform(-0.09, 0.06), b.random.uniform(0.06, 0.09)
        b.disc(dx, -0.28 + dy, radius, radius, mix(b.color, (0, 0, 0), b.random.uniform(0, 0.14)))


def lighthouse(b: Brush) -> None:
    b.disc(0, 0.015, 0.15, 0.04, b.lit((92, 88, 84)))
    b.polygon([(-0.075, 0.0), (0.075, 0.0), (0.05, -0.4), (-0.05, -0.4)], b.color)
    for low, high in ((0.1, 0.17), (0.25, 0.31)):  # two white bands, or grey ones on a white tower
        band = b.lit((150, 156, 166)) if min(b.color) > 140 else b.lit((246, 246, 246))
        wide, narrow = 0.075 - 0.0625 * low, 0.075 - 0.0625 * high
        b.polygon([(-wide, -low), (wide, -low), (narrow, -high), (-narrow, -high)], band)
    b.box(-0.042, -0.45, 0.042, -0.4, (255, 238, 146))
    b.polygon([(-0.056, -0.45), (0.056, -0.45), (0.0, -0.5)], b.dark)


def balloon(b: Brush) -> None:
    """Centred on the envelope, for it has no foot."""
    b.polygon([(-0.125, 0.07), (0.125, 0.07), (0.035, 0.2), (-0.035, 0.2)], b.color)
    b.disc(0, 0, 0.145, 0.15, b.color)
    b.disc(0, 0, 0.075, 0.15, mix(b.color, (255, 255, 255), 0.14))
    b.disc(0, 0, 0.025, 0.15, b.color)
    b.box(-0.032, 0.225, 0.032, 0.27, b.lit((112, 76, 42)))


DRAW: dict[str, Callable[[Brush], None]] = {
    "boat": boat,
    "house": house,
    "tree": tree,
    "lighthouse": lighthouse,
    "balloon": balloon,
}
