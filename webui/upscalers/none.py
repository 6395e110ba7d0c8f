"""No upscaler of its own: the size is changed as pictures of any other size are, by Lanczos (sd-webui's rule)."""

from webui.upscalers import lanczos
from webui.upscalers.kinds import Upscaler

NONE = Upscaler("None", 10, lanczos.upscale)
