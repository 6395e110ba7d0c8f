"""Atelier WebUI, a Stable Diffusion WebUI. Start reading at ``__main__.py``; pyproject.toml names the layers."""

__version__ = "0.1.0"
