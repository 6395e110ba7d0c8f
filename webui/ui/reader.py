"""Who looks at the page, as their browser's cookies say: which jobs are theirs, and the language they read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from webui.messages import LANGUAGES, language_of


@dataclass(frozen=True)
class Reader:
    client: str  # what the jobs of this browser are stored under
    language: str

    @classmethod
    def of(cls, connection: HTTPConnection) -> Reader:
        """``assets/boot.js`` sets both cookies before anything is asked. A signed-in name keeps people apart."""
        cookies = connection.cookies
        browser = cookies.get("atelier-client", "")
        if not re.fullmatch(r"[0-9a-f]{8,64}", browser):
            browser = "page"
        user = connection.user.display_name if "user" in connection.scope else ""
        language = cookies.get("atelier-language", "")
        if language not in LANGUAGES:
            language = language_of(connection.headers.get("accept-language"))
        return cls(f"{user}/{browser}", language)
