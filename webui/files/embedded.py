"""Files inside JSON: base64, bare or as a data URL. Addresses are not fetched: the server calls nobody."""

from __future__ import annotations

import base64
import binascii
import re

from webui.messages import Fault

_PREFIX = re.compile(r"data:[\w.+-]{1,50}/[\w.+-]{1,50};base64,")
_BLANKS = re.compile(r"\s+")


def content(text: str, field: str) -> bytes:
    """The file's bytes, whatever they are. Raises Fault ``not_base64``."""
    text = text.strip()
    prefix = _PREFIX.match(text)
    bare = _BLANKS.sub("", text[prefix.end() :] if prefix else text)
    try:
        return base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError) as error:  # ValueError: letters that are not ASCII
        raise Fault("not_base64", field=field, name=field) from error
