"""Errors become problem bodies by their type; this is the one place that knows status codes."""

from __future__ import annotations

import http

from tornado import web

from .. import errors
from .model import ProblemBody

__all__ = ["STATUS", "problem_of", "status_of"]

STATUS: dict[type[errors.LccError], int] = {
    errors.Malformed: 400,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LostRace: 412,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.OutsideFailure: 502,
    errors.NotReachable: 503,
}

_HTTP_CODES = {
    400: "malformed",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
}
_HTTP_MESSAGES = {
    403: "You are not signed in, or not allowed to do this. Send the server's token, and for a change from a "
    "browser also the X-XSRFToken header.",
    404: "There is no such address below lcc/.",
    405: "This address does not know that method; see the Allow header.",
}


def status_of(error: type[errors.LccError]) -> int:
    """Give the status of the nearest ancestor in `STATUS`; 500 for none."""
    return next((STATUS[base] for base in error.__mro__ if base in STATUS), 500)


def problem_of(error: BaseException | None, status: int) -> ProblemBody:
    """Describe an error to a client. Nothing of an unforeseen error is told but that it happened."""
    if isinstance(error, errors.LccError):
        return ProblemBody(code=error.code, message=error.message, detail=error.detail)
    if isinstance(error, web.HTTPError) and status < 500:
        phrase = http.HTTPStatus(status).phrase
        said = None if status in (403, 404, 405) else error.log_message
        return ProblemBody(
            code=_HTTP_CODES.get(status, phrase.lower().replace(" ", "_")),
            message=said or _HTTP_MESSAGES.get(status, phrase),
        )
    return ProblemBody(
        code="internal", message="Something went wrong in jupyter_lcc; the server's log has the details."
    )
