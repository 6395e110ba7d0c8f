"""Landscapes drawn from a seed: what is in the picture is decided first (`describe`), then it is drawn (`draw`)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from starter import things
from starter.things import Color, mix, scaled

TIMES = ("sunset", "sunrise", "day", "night", "storm")
PLACES = ("ocean", "mountains", "desert", "meadow", "snow")
SIDES = ("left", "center", "right")

SKIES: dict[str, tuple[Color, Color, Color]] = {  # top, middle, horizon
    "sunset": ((70, 42, 120), (232, 98, 72), (255, 196, 104)),
    "sunrise": ((118, 156, 226), (250, 188, 178), (255, 234, 186)),
    "day": ((62, 142, 232), (140, 200, 250), (214, 238, 255)),
    "night": ((6, 8, 30), (14, 22, 62), (42, 52, 104)),
    "storm": ((48, 52, 62), (84, 91, 101), (128, 133, 138)),
}
GROUNDS: dict[str, Color] = {
    "ocean": (28, 108, 150),
    "mountains": (74, 122, 72),
    "desert": (226, 186, 112),
    "meadow": (92, 172, 62),
    "snow": (236, 241, 249),
}
RIDGES: dict[str, tuple[Color, Color]] = {"snow": ((196, 206, 226), (164, 176, 202))}
STONE: tuple[Color, Color] = ((98, 108, 140), (62, 74, 96))
DAYLIGHT = {"night": 0.36, "storm": 0.62, "sunset": 0.72, "sunrise": 0.9, "day": 1.0}
SUNS: dict[str, Color] = {"sunset": (255, 128, 52), "sunrise": (255, 228, 136), "day": (255, 246, 176)}
MOON: Color = (240, 240, 222)


@dataclass(frozen=True)
class Scene:
    """What a picture shows: everything its caption may mention and a judge may look for."""

    seed: int
    time: str
    place: str
    thing: str  # "none" for a landscape alone
    color: str
    side: str
    light: str  # "sun", "moon" or ""
    clouds: bool
    mountains: bool  # a ridge on the horizon


def describe(seed: int) -> Scene:
    """The scene that belongs to this seed, without drawing it."""
    r = random.Random(seed)
    time, place = r.choice(TIMES), r.choice(PLACES)
    if place == "ocean":
        thing = r.choice(("boat", "boat", "boat", "lighthouse", "balloon", "none"))
    else:
        thing = r.choice(("house", "tree", "lighthouse", "balloon", "house", "tree", "none"))
    chance = {"sunset": 1.0, "sunrise": 1.0, "day": 0.5, "night": 0.7, "storm": 0.0}[time]
    light = ("moon" if time == "night" else "sun") if r.random() < chance else ""
    return Scene(
        seed=seed,
        time=time,
        place=place,
        thing=thing,
        color=r.choice(tuple(things.COLORS)),
        side=r.choice(SIDES),
        light=light,
        clouds=r.random() < {"day": 0.6, "storm": 0.9}.get(time, 0.25 if time != "night" else 0.0),
        mountains=place == "mountains" or r.random() < (0.15 if place == "desert" else 0.3),
    )


def draw(scene: Scene, size: int = 256) -> Image.Image:
    """The scene as an RGB picture of size x size, drawn at twice the size for smooth edges."""
    return Canvas(scene, size * 2).paint().resize((size, size), Image.Resampling.BOX)


class Canvas:
    """One picture being painted, back to front."""

    def __init__(self, scene: Scene, size: int) -> None:
        self.scene, self.size = scene, size
        self.random = random.Random(scene.seed * 2 + 1)  # not the stream that chose the scene
        self.horizon = int(size * self.random.uniform(0.52, 0.64))
        self.daylight = DAYLIGHT[scene.time]
        self.sun_x = self.random.uniform(0.15, 0.85) * size
        self.sun_y = self._sun_height()
        self.sun_radius = size * self.random.uniform(0.05, 0.085)
        self.image = self._sky()
        self.pen = ImageDraw.Draw(self.image)

    def paint(self) -> Image.Image:
        if self.scene.time == "night":
            self._stars()
        if self.scene.light:
            self._disc(self.sun_x, self.sun_y, self.sun_radius, self.light_color)
        if self.scene.clouds:
            self._clouds()
        if self.scene.mountains:
            self._mountains()
        self._ground()
        self._thing()
        return self.image

    @property
    def light_color(self) -> Color:
        return SUNS.get(self.scene.time, MOON)

    def _sun_height(self) -> float:
        r, size = self.random, self.size
        if self.scene.time == "night":
            return size * r.uniform(0.1, 0.26)
        return self.horizon - size * (r.uniform(0.26, 0.4) if self.scene.time == "day" else r.uniform(0.0, 0.1))

    def _sky(self) -> Image.Image:
        """A vertical gradient of three colours, with a glow around the sun or moon; computed coarsely, it is smooth."""
        coarse = 64
        stops = np.array([self._jitter(c) for c in SKIES[self.scene.time]], dtype=float)
        position = np.clip(np.arange(coarse) / coarse * self.size / self.horizon, 0, 1) * 2
        rows = np.stack([np.interp(position, (0, 1, 2), stops[:, c]) for c in range(3)], axis=-1)
        sky = np.repeat(rows[:, None], coarse, axis=1)  # (64, 64, 3)
        if self.scene.light:
            grid = (np.arange(coarse) + 0.5) * self.size / coarse
            square = (grid[None] - self.sun_x) ** 2 + (grid[:, None] - self.sun_y) ** 2
            glow = np.exp(-square / (self.size * 0.2) ** 2)[..., None] * (0.3 if self.scene.light == "moon" else 0.6)
            sky += (np.array(self.light_color, dtype=float) - sky) * glow
        image = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
        return image.resize((self.size, self.size), Image.Resampling.BICUBIC)

    def _stars(self) -> None:
        for _ in range(self.random.randint(25, 60)):
            x, y = self.random.uniform(0, self.size), self.random.uniform(0, self.horizon * 0.85)
            self._disc(x, y, self.size * self.random.uniform(0.002, 0.005), (255, 255, 230))

    def _clouds(self) -> None:
        r, size = self.random, self.size
        white = {"storm": (98, 103, 110), "sunset": (250, 170, 140), "sunrise": (255, 226, 216)}
        base = white.get(self.scene.time, (251, 251, 253))
        for _ in range(r.randint(2, 4)):
            x, y = r.uniform(0, size), r.uniform(0.08, 0.5) * self.horizon
            color = self._jitter(base, 4)
            for _ in range(6):
                dx, dy, radius = (
                    r.uniform(-0.1, 0.1) * size,
                    r.uniform(-0.015, 0.01) * size,
                    r.uniform(0.02, 0.045) * size,
                )
                self.pen.ellipse(
                    (x + dx - radius * 1.7, y + dy - radius, x + dx + radius * 1.7, y + dy + radius), color
                )

    def _mountains(self) -> None:
        height = self.size * (0.3 if self.scene.place in ("mountains", "snow") else 0.15)
        for layer, color in enumerate(RIDGES.get(self.scene.place, STONE)):
            line = self._ridge(self.horizon + 4, height * (1 - 0.4 * layer), 0.55)
            self._below(line, self._lit(color))
            if self.scene.place == "mountains" and layer == 0:  # snow on the far peaks
                cap = np.minimum(line + height * 0.18, self.horizon - height * 0.62)
                self._between(line, np.maximum(cap, line), self._lit((232, 236, 246)))

    def _ground(self) -> None:
        color = GROUNDS[self.scene.place]
        far, near = self._lit(color), self._lit(mix(color, (0, 0, 0), 0.3))
        depth = self.size - self.horizon
        for y in range(self.horizon, self.size, 2):
            self.pen.rectangle((0, y, self.size, y + 1), mix(far, near, (y - self.horizon) / depth))
        if self.scene.place == "ocean":
            self._waves(far)
        elif self.scene.place in ("desert", "snow"):
            self._dunes(color)
        elif self.scene.place == "meadow":
            self._flowers()

    def _waves(self, far: Color) -> None:
        r, size, depth = self.random, self.size, self.size - self.horizon
        for _ in range(40):
            y = r.uniform(self.horizon, size)
            x, half = r.uniform(0, size), size * r.uniform(0.02, 0.08) * (1 + (y - self.horizon) / depth)
            self.pen.line((x - half, y, x + half, y), mix(far, (255, 255, 255), 0.3 * self.daylight), width=2)
        if self.scene.light:  # the sun's path on the water
            for i in range(18):
                y, half = self.horizon + depth * (i + 0.5) / 18, self.sun_radius * r.uniform(0.5, 1.1)
                self.pen.line((self.sun_x - half, y, self.sun_x + half, y), mix(far, self.light_color, 0.7), width=4)

    def _dunes(self, color: Color) -> None:
        shade: Color = (164, 112, 62) if self.scene.place == "desert" else (150, 172, 214)
        depth = self.size - self.horizon
        for layer in range(2):
            line = self._ridge(self.horizon + depth * (0.35 + 0.35 * layer), depth * 0.22, 0.25)
            self._below(line, self._lit(mix(color, shade, 0.2 + 0.22 * layer)))

    def _flowers(self) -> None:
        depth = self.size - self.horizon
        for _ in range(110):
            x, y = self.random.uniform(0, self.size), self.random.uniform(self.horizon + 6, self.size)
            color = self.random.choice(((250, 240, 120), (255, 255, 255), (240, 120, 150)))
            self._disc(x, y, 1.5 + 3.5 * (y - self.horizon) / depth, self._lit(color))

    def _thing(self) -> None:
        scene, r = self.scene, self.random
        if scene.thing == "none":
            return
        x = ({"left": 0.26, "center": 0.5, "right": 0.74}[scene.side] + r.uniform(-0.04, 0.04)) * self.size
        y = self.horizon + (self.size - self.horizon) * r.uniform(0.3, 0.55)
        if scene.thing == "balloon":
            y = self.horizon * r.uniform(0.4, 0.55)
        # things stay lighter than the land at night, so that their colour can be told
        color = scaled(self._jitter(things.COLORS[scene.color], 8), 0.4 + 0.6 * self.daylight**0.5)
        brush = things.Brush(self.pen, self.size * r.uniform(0.9, 1.1), x, y, color, self.daylight, r)
        things.DRAW[scene.thing](brush)

    def _lit(self, color: Color) -> Color:
        return scaled(color, self.daylight)

    def _jitter(self, color: Color, amount: float = 12) -> Color:
        values = [int(min(255, max(0, v + self.random.uniform(-amount, amount)))) for v in color]
        return values[0], values[1], values[2]

    def _disc(self, x: float, y: float, radius: float, color: Color) -> None:
        self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), color)

    def _below(self, line: np.ndarray, color: Color) -> None:
        self._between(line, np.full_like(line, self.size), color)

    def _between(self, top: np.ndarray, bottom: np.ndarray, color: Color) -> None:
        xs = np.linspace(0, self.size, len(top)).tolist()
        upper: Sequence[tuple[float, float]] = list(zip(xs, top.tolist(), strict=True))
        lower = list(zip(xs, bottom.tolist(), strict=True))
        self.pen.polygon([*upper, *reversed(lower)], color)

    def _ridge(self, base: float, height: float, roughness: float, points: int = 129) -> np.ndarray:
        """Heights from left to right by midpoint displacement, (points,), in pixels from the top."""
        line = np.array([self.random.uniform(-1, 1) for _ in range(3)])
        swing = 1.0
        while len(line) < points:
            swing *= roughness
            middle = (line[1:] + line[:-1]) / 2 + [self.random.uniform(-swing, swing) for _ in range(len(line) - 1)]
            joined = np.empty(len(line) * 2 - 1)
            joined[::2], joined[1::2] = line, middle
            line = joined
        return base - height * (line - line.min()) / (np.ptp(line) + 1e-6)
