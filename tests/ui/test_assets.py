"""Laws of the page's scripts, style and texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from webui.events import Progress
from webui.messages import texts
from webui.settings import Settings
from webui.ui import settings_form, shell, theme
from webui.ui.form import SWITCHES, declared
from webui.ui.words import spoken

UI = Path(theme.__file__).parent
ASSETS = UI / "assets"
CODE = re.compile(r"[\"'`](page\.[a-z0-9_.]+)[\"'`]")


def test_scripts_never_make_html_of_text() -> None:
    for name in shell.SCRIPTS:
        script = (ASSETS / name).read_text(encoding="utf-8")
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in script, (name, way)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for file in ASSETS.rglob("*"):
        if file.is_file():
            named = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http" not in named.replace("xmlns", ""), file.name
            assert "//cdn" not in named, file.name


def test_every_text_of_the_page_is_used_and_every_one_used_is_there() -> None:
    sources = [file.read_text(encoding="utf-8") for file in UI.rglob("*") if file.suffix in (".py", ".js", ".html")]
    used = {code for source in sources for code in CODE.findall(source)}
    used |= {f"page.phase.{phase}" for phase in get_args(Progress.model_fields["phase"].annotation)}
    used |= {f"page.tab.{file.stem}" for file in (UI / "tabs").glob("[a-z]*.py")}
    known = {code for code in texts("en") if code.startswith("page.")}
    assert used == known


def test_every_field_and_setting_has_a_label_and_help_and_no_other_has() -> None:
    names = {f"field.{path}" for path in (*declared(), *SWITCHES) if path not in ("kind", "version")}
    names |= {f"setting.{name}" for name in Settings.model_fields}
    expected = names | {f"{name}.help" for name in names} | {f"section.{each}" for each in settings_form.sections()}
    choices = {f"setting.{name}.{value}" for name in Settings.model_fields for value in literals(name)}
    assert {code for code in spoken("en") if not code.startswith("page.")} - choices == expected


def literals(setting: str) -> tuple[str, ...]:
    """The words a setting is chosen from; a choice may be shown by another."""
    annotation = Settings.model_fields[setting].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def test_labels_are_safe_for_the_browser_s_message_format() -> None:
    """gradio reads braces as blanks of its own; only our scripts and the server fill ours."""
    for language in ("en", "zh-CN"):
        for code, text in spoken(language).items():
            if not code.startswith("page."):
                assert not set("{}<>") & set(text), code


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [(text, ground) for text in ("ink", "soft", "faint") for ground in ("ground", "panel", "sunk")]
    + [("accent-ink", "accent"), ("accent-ink", "accent-strong"), ("accent", "panel"), ("accent", "accent-soft")]
    + [("bad", "panel"), ("ink", "bad-soft"), ("ink", "accent-soft"), ("soft", "bad-soft")],
)
def test_text_can_be_read(text: str, ground: str, mode: int) -> None:
    lighter, darker = sorted((luminance(theme.PALETTE[name][mode]) for name in (text, ground)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_every_icon_that_is_asked_for_is_drawn() -> None:
    sources = [file.read_text(encoding="utf-8") for file in UI.rglob("*") if file.suffix in (".py", ".html")]
    asked = {name for source in sources for name in re.findall(r"icon\(\s*\"page\.[\w.]+\", \"(\w+)\"", source)}
    asked |= {name for source in sources for name in re.findall(r"\bicon-(\w+)\b", source)}
    assert asked == {file.stem for file in (ASSETS / "icons").glob("*.svg")}
