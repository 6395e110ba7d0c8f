"""The text of a value → the value, as the field's declaration wants it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo


def value_of(info: FieldInfo, text: str) -> Any:
    """Raises ValueError for what the field cannot be."""
    wanted: Any = info.annotation
    for limit in info.metadata:
        wanted = Annotated[wanted, limit]
    try:
        return TypeAdapter(wanted, config=ConfigDict(allow_inf_nan=False)).validate_python(text)
    except ValidationError as error:
        raise ValueError("not a value of this field") from error
