"""txt2img: the form on the left, the stage on the right (on a phone: the stage on top)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import gradio as gr

from webui.ui.asset import asset
from webui.ui.buttons import hidden, icon
from webui.ui.events import QUIET, on_change
from webui.ui.form import Choice, Form
from webui.ui.tab import Page, Tab
from webui.ui.words import t
from webui.upscalers import latent_modes, upscalers

CHECKPOINTS = ("hires.checkpoint", "refiner.checkpoint")  # lists of files, which come and go


def build(page: Page) -> None:
    form = Form(page.shared)
    with gr.Row(elem_classes="desk"):
        with gr.Column(elem_classes="controls"):
            _prompts(form, page)
            asked = '<div class="notes"></div><div class="overrides"></div>'
            gr.HTML(asked, elem_id="asked", js_on_load="atelier.openAsked()")
            generate = _buttons()
            with gr.Column(elem_classes="card knobs"):
                _sampling(form, page)
                _size_and_batch(form, page)
                _seed(form)
                _hires(form, page)
                _refiner(form, page)
        with gr.Column(elem_classes="show"):
            stage = asset("stage.html").replace("<!-- mark -->", asset("mark.svg"))
            gr.HTML(stage, elem_id="stage", js_on_load="atelier.openStage(element)")
    gr.HTML(asset("styles.html"), elem_id="styles", js_on_load="atelier.openStyles(element)")
    generate.click(**form.calls("generate"))
    # For the scripts: a pasted text becomes values of components, which only an event of gradio's can set.
    hidden("fill").click(**form.calls("filled"), outputs=list(form.components.values()))
    _remember(form, page)


# --- prompts


def _prompts(form: Form, page: Page) -> None:
    with gr.Column(elem_classes="card prompts"):
        _prompt(form, "prompts.prompt", lines=3, autofocus=True)
        with gr.Row(elem_classes="styles"):
            styles = form.several("prompts.styles", _styles(page))
            apply = icon("page.styles.apply", "apply", elem_id="apply-styles")
            icon("page.styles.edit", "edit", "() => atelier.editStyles()", elem_id="edit-styles")
            icon("page.read", "read", "() => atelier.readPrompt()", elem_id="read")
        _prompt(form, "prompts.negative", lines=2)
    boxes = [form.components[path] for path in ("prompts.prompt", "prompts.negative")]
    into = {"inputs": [styles, *boxes], "outputs": [styles, *boxes], "api_visibility": "private"}
    apply.click(None, js="(names, ...texts) => atelier.applyStyles(names, ...texts)", **into)
    hidden("styles-changed").click(lambda: gr.Dropdown(choices=_styles(page)), None, styles, **QUIET)


def _prompt(form: Form, path: str, **look: Any) -> None:
    box = form.text(path, max_lines=12, **look)
    box.change(None, box, js=f"text => atelier.count('{path}', text)", api_visibility="private")


def _styles(page: Page) -> list[str]:
    return [style.name for style in page.app.styles.all()]


def _buttons() -> gr.Button:
    with gr.Row(elem_classes="go"):
        generate = gr.Button(t("page.generate"), variant="primary", elem_id="generate")
        icon("page.interrupt", "stop", "() => atelier.interrupt()", elem_id="interrupt")
        icon("page.skip", "skip", "() => atelier.skip()", elem_id="skip")
    return generate


# --- the first pass


def _sampling(form: Form, page: Page) -> None:
    with gr.Row(elem_classes="pair"):
        form.choice("sampling.sampler", page.app.samplers)
        form.choice("sampling.scheduler", _schedules(page))
    form.slider("sampling.steps")


def _schedules(page: Page) -> list[str]:
    return [each.label for each in page.app.schedulers.values()]


def _size_and_batch(form: Form, page: Page) -> None:
    with gr.Row(elem_classes="pair size"):
        native = page.app.native_size()
        width = form.slider("size.width", native[0])
        swap = icon("page.swap", "swap")
        height = form.slider("size.height", native[1])
    swap.click(None, [width, height], [width, height], js="(w, h) => atelier.swap(w, h)", api_visibility="private")
    gr.on([width.input, height.input], None, js="() => atelier.ownSize()", api_visibility="private")
    _follow_native_size(form, page)
    form.slider("sampling.cfg_scale")
    with gr.Row(elem_classes="pair"):
        form.slider("batch.count")
        form.slider("batch.size")
    with gr.Row(elem_classes="pair ticks"):
        form.tick("prompts.each_line")
        form.tick("size.tiling")


def _follow_native_size(form: Form, page: Page) -> None:
    """The size is the checkpoint's own until somebody chooses another, which the browser knows."""

    def native(checkpoint: str) -> list[int]:
        return list(page.app.native_size(checkpoint))

    # The name goes by way of a text: gradio refuses a dropdown's value that was not there when the server started.
    name, fitting = gr.Textbox(visible=False), gr.JSON(visible=False)
    checkpoint, *sizes = (form.components[path] for path in ("models.checkpoint", "size.width", "size.height"))
    gr.on([on_change(checkpoint)], None, checkpoint, name, js="name => name", api_visibility="private")
    answered = name.change(native, name, fitting, **QUIET)
    answered.then(None, [fitting, *sizes], sizes, js="(own, w, h) => atelier.size(own, w, h)", api_visibility="private")


def _seed(form: Form) -> None:
    with gr.Row(elem_classes="seed"):
        seed = form.text("seeds.seed", max_lines=1)
        dice = icon("page.dice", "dice")
        recycle = icon("page.recycle", "recycle")
    dice.click(None, None, seed, js="() => '-1'", api_visibility="private")
    recycle.click(None, seed, seed, js="seed => atelier.seedOfPicture(seed)", api_visibility="private")
    with _fold(form, "seeds.extra"):
        with gr.Row(elem_classes="pair"):
            form.text("seeds.subseed", max_lines=1)
            form.slider("seeds.subseed_strength")
        with gr.Row(elem_classes="pair"):
            form.slider("seeds.resize_width")
            form.slider("seeds.resize_height")


# --- the second pass, and the refiner


def _hires(form: Form, page: Page) -> None:
    with _fold(form, "hires.enabled"):
        gr.HTML('<span class="becomes"></span>', elem_id="becomes")
        with gr.Row(elem_classes="pair"):
            form.choice("hires.upscaler", [*latent_modes(), *upscalers()])
            form.slider("hires.steps")
        form.slider("hires.denoising")
        form.slider("hires.scale")
        with gr.Row(elem_classes="pair"):
            form.slider("hires.width")
            form.slider("hires.height")
        with gr.Column(elem_classes="rest", elem_id="hires-rest"):
            more = gr.Button(t("page.more"), elem_classes="more", size="sm")
            with gr.Column(elem_classes="inside"):
                _hires_rest(form, page)
    more.click(None, js="() => atelier.fold('hires-rest')", api_visibility="private")


def _hires_rest(form: Form, page: Page) -> None:
    form.choice("hires.checkpoint", _checkpoints(page, "hires.checkpoint"))
    with gr.Row(elem_classes="pair"):
        form.choice("hires.sampler", [_as_before(), *page.app.samplers])
        form.choice("hires.scheduler", [_as_before(), *_schedules(page)])
    form.slider("hires.cfg_scale")
    form.text("hires.prompt", lines=2, max_lines=8)
    form.text("hires.negative", lines=1, max_lines=8)


def _refiner(form: Form, page: Page) -> None:
    with _fold(form, "refiner.enabled"), gr.Row(elem_classes="pair"):
        form.choice("refiner.checkpoint", _checkpoints(page, "refiner.checkpoint"))
        form.slider("refiner.switch_at")


def _checkpoints(page: Page, path: str) -> list[Choice]:
    files: list[Choice] = [(file.title, file.name) for file in page.app.catalog.of("checkpoint")]
    return [_as_before(), *files] if path == "hires.checkpoint" else files


def _as_before() -> Choice:
    return (t("page.as_before"), "")


@contextlib.contextmanager
def _fold(form: Form, switch: str) -> Iterator[None]:
    """A part of the form that is there to see while its switch is on; ``style.css`` does it."""
    with gr.Column(elem_classes="fold"):
        form.tick(switch, elem_classes="switch")
        with gr.Column(elem_classes="inside"):
            yield


# --- kept


def _remember(form: Form, page: Page) -> None:
    """The form survives a reload, in the browser alone; whether its models still exist is settled by the server."""
    boxes = form.components

    def offers() -> list[Any]:
        page.app.refresh()
        return [gr.Dropdown(choices=_checkpoints(page, path)) for path in CHECKPOINTS] + [
            gr.Dropdown(choices=_styles(page))
        ]

    lists = [boxes[path] for path in (*CHECKPOINTS, "prompts.styles")]
    gr.on([on_change(box) for box in boxes.values()], **form.calls("keep"))
    restored = page.blocks.load(**form.calls("restore"), outputs=list(boxes.values()))
    restored.then(**page.settle).then(offers, None, lists, **QUIET)
    page.refresh.click(offers, None, lists, **QUIET)


tab = Tab("txt2img", order=0, build=build)
