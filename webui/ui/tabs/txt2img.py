"""txt2img: the form on the left, the stage on the right (on a phone: the stage on top)."""

from __future__ import annotations

import gradio as gr

from webui.ui.asset import asset
from webui.ui.buttons import icon
from webui.ui.events import QUIET, on_change
from webui.ui.form import Form
from webui.ui.tab import Page, Tab
from webui.ui.words import t


def build(page: Page) -> None:
    form = Form(page.shared)
    with gr.Row(elem_classes="desk"):
        with gr.Column(elem_classes="controls"):
            _prompts(form)
            generate = _buttons()
            with gr.Column(elem_classes="card knobs"):
                _sampling(form, page)
                _size_and_batch(form, page)
                _seed(form)
        with gr.Column(elem_classes="show"):
            stage = asset("stage.html").replace("<!-- mark -->", asset("mark.svg"))
            gr.HTML(stage, elem_id="stage", js_on_load="atelier.openStage(element)")
    generate.click(**form.calls("generate"))
    _remember(form, page)


def _prompts(form: Form) -> None:
    with gr.Column(elem_classes="card prompts"):
        for path, lines in (("prompts.prompt", 3), ("prompts.negative", 2)):
            box = form.text(path, lines=lines, max_lines=12, autofocus=path == "prompts.prompt")
            box.change(None, box, js=f"text => atelier.count('{path}', text)", api_visibility="private")


def _buttons() -> gr.Button:
    with gr.Row(elem_classes="go"):
        generate = gr.Button(t("page.generate"), variant="primary", elem_id="generate")
        icon("page.interrupt", "stop", "() => atelier.interrupt()", elem_id="interrupt")
        icon("page.skip", "skip", "() => atelier.skip()", elem_id="skip")
    return generate


def _sampling(form: Form, page: Page) -> None:
    with gr.Row(elem_classes="pair"):
        form.choice("sampling.sampler", page.app.samplers)
        form.choice("sampling.scheduler", [each.label for each in page.app.schedulers.values()])
    form.slider("sampling.steps")


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


def _remember(form: Form, page: Page) -> None:
    """The form survives a reload, in the browser alone; whether its models still exist is settled by the server."""
    boxes = form.components
    gr.on([on_change(box) for box in boxes.values()], **form.calls("keep"))
    page.blocks.load(**form.calls("restore"), outputs=list(boxes.values())).then(**page.settle)


tab = Tab("txt2img", order=0, build=build)
