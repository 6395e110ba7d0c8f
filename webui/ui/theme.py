"""The look: gradio's variables set from one small palette, in a light and a dark mode. The style sheets do the rest."""

from __future__ import annotations

from gradio.themes import Base, colors, sizes

from webui.ui.asset import asset, icons

# token: (light, dark). Text on its ground has a contrast of 4.5 or more in both.
PALETTE = {
    "ground": ("#f6f5f2", "#171614"),
    "panel": ("#ffffff", "#1f1e1b"),
    "sunk": ("#f0eeea", "#282622"),
    "line": ("#e3e0d9", "#37342f"),
    "ink": ("#1f1e1b", "#eceae5"),
    "soft": ("#625e56", "#aea99e"),
    "faint": ("#6e695f", "#989287"),
    "accent": ("#c2410c", "#f0783c"),
    "accent-strong": ("#a83709", "#f58d58"),
    "accent-ink": ("#ffffff", "#1a0f08"),
    "accent-soft": ("#fdf0e8", "#3a251a"),
    "good": ("#2f7d4f", "#6cc08b"),
    "good-soft": ("#e6f3ea", "#1d3326"),
    "bad": ("#b42318", "#ff8a7a"),
    "bad-soft": ("#fdeceb", "#3b1f1c"),
}
FONT = ["system-ui", "-apple-system", "Segoe UI", "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC",
        "Microsoft YaHei", "sans-serif"]  # fmt: skip
MONO = ["ui-monospace", "SF Mono", "Consolas", "DejaVu Sans Mono", "monospace"]


class Atelier(Base):
    def __init__(self) -> None:
        super().__init__(
            primary_hue=colors.orange,
            neutral_hue=colors.stone,
            font=FONT,
            font_mono=MONO,
            spacing_size=sizes.spacing_md,
            radius_size=sizes.radius_md,
            text_size=sizes.text_md,
        )
        self.name = "atelier"
        for name, token in COLOURS.items():
            modes = [each for each in (name, f"{name}_dark") if hasattr(self, each)]
            self.set(**dict.fromkeys(modes, f"var(--{token})"))
        self.set(**SHAPES)


# gradio's variable: the token it takes.
COLOURS = {
    "body_background_fill": "ground",
    "body_text_color": "ink",
    "body_text_color_subdued": "soft",
    "background_fill_primary": "panel",
    "background_fill_secondary": "sunk",
    "block_background_fill": "panel",
    "block_title_text_color": "soft",
    "block_label_text_color": "soft",
    "block_info_text_color": "faint",
    "block_border_color": "line",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "color_accent": "accent",
    "color_accent_soft": "accent-soft",
    "link_text_color": "accent",
    "link_text_color_hover": "accent-strong",
    "input_background_fill": "sunk",
    "input_background_fill_focus": "panel",
    "input_border_color": "sunk",
    "input_border_color_focus": "accent",
    "input_placeholder_color": "faint",
    "slider_color": "accent",
    "checkbox_background_color": "sunk",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "line",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "panel",
    "checkbox_label_text_color": "ink",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent-strong",
    "button_primary_text_color": "accent-ink",
    "button_primary_border_color": "accent",
    "button_primary_border_color_hover": "accent-strong",
    "button_secondary_background_fill": "panel",
    "button_secondary_background_fill_hover": "sunk",
    "button_secondary_text_color": "soft",
    "button_secondary_text_color_hover": "ink",
    "button_secondary_border_color": "line",
    "button_secondary_border_color_hover": "faint",
}
SHAPES = {
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_radius": "10px",
    "block_padding": "0px",
    "block_title_text_size": "12.5px",
    "block_title_text_weight": "400",
    "block_info_text_size": "13px",
    "input_radius": "7px",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_text_size": "15px",
    "button_large_radius": "10px",
    "button_large_text_size": "16px",
    "button_large_text_weight": "600",
    "button_border_width": "1px",
    "button_transition": "background-color .12s, border-color .12s, color .12s",
    "layout_gap": "14px",
}
SHEETS = ("style.css", "settings.css")


def css() -> str:
    """Palette, icons, and the style sheets, in this order."""
    return "\n".join([_palette(), _icons(), *(asset(name) for name in SHEETS)])


def _palette() -> str:
    light, dark = ("".join(f"--{token}:{pair[mode]};" for token, pair in PALETTE.items()) for mode in (0, 1))
    return f":root{{{light}color-scheme:light}}\n.dark{{{dark}color-scheme:dark}}"


def _icons() -> str:
    """Drawn in the colour of the text around them."""
    return "\n".join(f'.icon-{name}{{--icon:url("{picture}")}}' for name, picture in icons())
