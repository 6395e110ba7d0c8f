"""Every error the API answers with has one shape: ``{error, detail, field, hint, job_id?}``.

It is in the reader's language (``Accept-Language``), under 2 KB, and never holds a traceback, a path or what was sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from webui.messages import Fault, Message, NotFound, TooMany, language_of, refusal

RETRY_SECONDS = 10  # told with 429
log = logging.getLogger(__name__)


class ErrorBody(BaseModel):
    """``error`` is a code for programs, ``detail`` and ``hint`` (the cure) are for people."""

    error: str
    detail: str
    field: str | None = None
    hint: str | None = None
    job_id: str | None = None


class JobFailed(Exception):
    """A job that was accepted has failed: 422 where it is about a field of the request, otherwise 500."""

    def __init__(self, job_id: str, message: Message) -> None:
        super().__init__(message.code)
        self.job_id, self.message = job_id, message
        self.status = 422 if message.field else 500


class WrongType(Fault):
    """The body is not declared as JSON."""

    status = 415


def error_body(message: Message, language: str, job_id: str | None = None) -> dict[str, Any]:
    body = ErrorBody(
        error=message.code,
        detail=message.text(language)[:400],
        field=message.field[:100] if message.field else None,
        hint=message.hint(language)[:200] or None,
    ).model_dump(exclude={"job_id"})
    return body | ({"job_id": job_id} if job_id else {})


def reply(request: HTTPConnection, status: int, message: Message, job_id: str | None = None) -> JSONResponse:
    language = language_of(request.headers.get("accept-language"))
    headers = {"Retry-After": str(message.params.get("seconds", RETRY_SECONDS))} if status == TooMany.status else None
    return JSONResponse(error_body(message, language, job_id), status, headers)


def invalid(error: Mapping[str, Any], rename: Callable[[str], str] = str) -> Fault:
    """The Fault for one of pydantic's errors. ``rename`` turns ``"size.width"`` into what the caller calls it."""
    where = [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")]
    field = rename(".".join(where)) if where and error["type"] != "json_invalid" else "body"
    return refusal(error, field, field)


def install(api: FastAPI) -> None:
    """Give ``api`` the answers for whatever its routes raise."""

    @api.exception_handler(Fault)
    async def on_fault(request: Request, fault: Fault) -> JSONResponse:
        return reply(request, fault.status, fault.message)

    @api.exception_handler(JobFailed)
    async def on_failed_job(request: Request, failed: JobFailed) -> JSONResponse:
        return reply(request, failed.status, failed.message, failed.job_id)

    @api.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return reply(request, Fault.status, invalid(error.errors()[0]).message)

    @api.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        code = "no_such_page" if error.status_code == NotFound.status else "bad_request"
        return reply(request, error.status_code, Message(code=code))

    @api.exception_handler(Exception)
    async def on_unexpected(request: Request, error: Exception) -> JSONResponse:
        """Starlette raises the error again after this reply, and the server logs it with its traceback."""
        return reply(request, 500, Message(code="unexpected", params={"reason": type(error).__name__}))
