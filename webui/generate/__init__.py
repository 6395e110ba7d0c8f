"""What happens for one request, in the worker."""

from webui.generate.job import run

__all__ = ["run"]
