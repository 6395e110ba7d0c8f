"""Atelier WebUI: a Stable Diffusion WebUI. Start reading at ``webui/__main__.py``; the layers are named in pyproject.toml."""

__version__ = "0.1.0"
