"""Puts the page together and hangs it into the server."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI

from webui import registry
from webui.app import App
from webui.options import Options
from webui.ui import reading, routes, settings_routes, shell, theme
from webui.ui.header import Header
from webui.ui.tab import Page, Tab
from webui.ui.words import t, translations


def mount(api: FastAPI, app: App, options: Options) -> FastAPI:
    """The page at "/" of ``api``, behind all routes that ``api`` has already."""
    for router in (routes.router, routes.style_routes, reading.router, settings_routes.router):
        api.include_router(router(app, api.router.route_class))
    blocks = build(app)
    blocks.has_launched = True  # a mounted gradio (6.31) believes it has not, and then copies any file a client names
    api.add_middleware(shell.FirstScript, html=shell.head(options))
    return gr.mount_gradio_app(
        api,
        blocks,
        path="/",
        root_path=options.subpath or None,
        theme=theme.Atelier(),
        css=theme.css(),
        i18n=translations(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
    )


def build(app: App) -> gr.Blocks:
    with gr.Blocks(title="Atelier", analytics_enabled=False, fill_width=True) as blocks:
        header = Header(app)
        page = Page(app, blocks, header.models, header.settle, header.refresh)
        with gr.Tabs(elem_id="tabs"):
            for tab in registry.discover("webui.ui.tabs", Tab).values():
                with gr.Tab(t(f"page.tab.{tab.name}"), id=tab.name):
                    tab.build(page)
    return blocks
