"""What people may write when they want a scene: sentences and tag lists, complete and incomplete."""

import random

from starter.scenes import Scene

PLACES = {
    "ocean": ("the ocean", "the sea", "the water", "the open sea", "the waves"),
    "mountains": ("the mountains", "the mountains", "a mountain landscape", "the mountain valley"),
    "desert": ("the desert", "the desert", "the sand dunes", "a sandy desert"),
    "meadow": ("a meadow", "a green field", "a flower meadow", "the grass", "a field of flowers"),
    "snow": ("the snow", "a snowy landscape", "a winter landscape", "the snow"),
}
TIMES = {
    "day": ("during the day", "on a sunny day", "under a blue sky", "by day", "in daylight"),
    "night": ("at night", "in the night", "under a night sky", "at midnight"),
    "sunset": ("at sunset", "at sunset", "in the evening at sunset", "in the evening", "at dusk"),
    "sunrise": ("at sunrise", "at sunrise", "at dawn", "in the morning", "in the early morning"),
    "storm": (
        "in a storm",
        "under dark storm clouds",
        "in stormy weather",
        "under a gray sky",
        "before a thunderstorm",
    ),
}
TIME_TAGS = {
    "day": ("day", "sunny day", "blue sky", "daylight"),
    "night": ("night", "night sky", "midnight"),
    "sunset": ("sunset", "evening", "dusk"),
    "sunrise": ("sunrise", "dawn", "morning"),
    "storm": ("storm", "stormy", "dark clouds", "gray sky"),
}
PLACE_TAGS = {
    "ocean": ("ocean", "sea", "water", "waves", "seascape"),
    "mountains": ("mountains", "mountain landscape"),
    "desert": ("desert", "dunes", "sand"),
    "meadow": ("meadow", "green field", "grass", "flowers"),
    "snow": ("snow", "winter", "snowy landscape"),
}
THINGS = {
    "boat": ("boat", "boat", "sailboat", "sailing boat", "ship"),
    "house": ("house", "house", "cottage", "cabin"),
    "tree": ("tree",),
    "lighthouse": ("lighthouse",),
    "balloon": ("hot air balloon", "hot air balloon", "balloon"),
}
SIDES = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "center": ("in the center", "in the middle"),
}
HEADS = ("a picture of", "a painting of", "a beautiful painting of", "an illustration of", "a drawing of", "a photo of")
ADJECTIVES = ("beautiful", "singular", "small", "big", "lonely", "single", "pretty", "old", "little")
PRAISE = (
    "masterpiece",
    "best quality",
    "highly detailed",
    "trending on artstation",
    "4k",
    "8k",
    "digital art",
    "oil on canvas",
    "vibrant colors",
    "cinematic lighting",
    "sharp focus",
    "concept art",
    "wallpaper",
    "detailed background",
    "by a famous artist",
    "no humans",
    "scenery",
)


def caption(scene: Scene, r: random.Random) -> str:
    """One of many ways to ask for this scene."""
    text = _sentence(scene, r) if r.random() < 0.65 else _tags(scene, r)
    if r.random() < 0.2:
        praise = ", ".join(r.sample(PRAISE, r.randint(1, 3)))
        text = f"{praise}, {text}" if r.random() < 0.3 else f"{text}, {praise}"
    return text


def extras(scene: Scene, r: random.Random) -> list[str]:
    """The smaller things in the sky and behind the land."""
    present = [scene.light] if scene.light else []
    if scene.clouds:
        present.append("clouds")
    if scene.time == "night":
        present.append("stars")
    if scene.mountains and scene.place != "mountains":
        present.append(r.choice(("mountains", "mountains in the background")))
    return [word for word in present if r.random() < 0.5]


def _sentence(scene: Scene, r: random.Random) -> str:
    place, time = r.choice(PLACES[scene.place]), r.choice(TIMES[scene.time])
    text = _landscape(scene, place, time, r) if scene.thing == "none" else _thing(scene, place, time, r)
    if r.random() < 0.35:
        text = f"{r.choice(HEADS)} {text}"
    words = extras(scene, r)
    if words:
        text += r.choice((", ", ", ", " with ")) + r.choice((", ", ", ", " and ")).join(words)
    return text


def _thing(scene: Scene, place: str, time: str, r: random.Random) -> str:
    noun = r.choice(THINGS[scene.thing])
    adjective = r.choice(ADJECTIVES) + " " if r.random() < 0.15 else ""
    scheme = r.random() < 0.12  # the colour at the end instead of before the noun
    color = "" if scheme else scene.color + " "
    article = "an" if (adjective + color + noun)[0] in "aeiou" else "a"
    text = f"{article} {adjective}{color}{noun}"
    if r.random() < 0.85:
        text += f" {_preposition(scene, r)} {place}"
    if r.random() < 0.8:
        text += f" {time}"
    if r.random() < 0.3:
        text += r.choice((", ", " ")) + r.choice(SIDES[scene.side])
    if scheme:
        text += r.choice((f", {scene.color} color scheme", f", {scene.color}", f", {scene.color} colors"))
    return text


def _preposition(scene: Scene, r: random.Random) -> str:
    if scene.thing == "balloon":
        return r.choice(("over", "over", "above", "flying over"))
    if scene.place == "ocean":
        return r.choice(("on", "on", "in")) if scene.thing == "boat" else r.choice(("on", "in", "by"))
    return "in"


def _landscape(scene: Scene, place: str, time: str, r: random.Random) -> str:
    beautiful = "beautiful " if r.random() < 0.4 else ""
    name = r.choice(TIME_TAGS[scene.time][:1])
    ways = [f"a {beautiful}view of {place} {time}", f"{place} {time}", f"{beautiful}landscape, {place} {time}"]
    if scene.time in ("sunset", "sunrise", "storm"):
        ways += [f"a {beautiful}{name} over {place}"] * 3
    return r.choice(ways)


def _tags(scene: Scene, r: random.Random) -> str:
    tags = [r.choice(PLACE_TAGS[scene.place]), r.choice(TIME_TAGS[scene.time]), *extras(scene, r)]
    if scene.thing != "none":
        noun = r.choice(THINGS[scene.thing])
        tags.append(f"{scene.color} {noun}" if r.random() < 0.9 else f"{noun}, {scene.color}")
        if r.random() < 0.25:
            tags.append(r.choice(SIDES[scene.side]))
    elif r.random() < 0.3:
        tags.append("landscape")
    tags = [tag for tag in tags if r.random() < 0.9] or tags
    if r.random() < 0.6:
        r.shuffle(tags)
    return ", ".join(tags)
