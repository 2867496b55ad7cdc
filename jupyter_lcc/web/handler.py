"""The one Tornado handler: decode, call, encode. A class of it is made for each path of the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NoReturn

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from ..errors import Invalid, LccError, Malformed, TooLarge
from .problems import problem_of, status_of
from .routes import Located, Route, Tagged

__all__ = ["AUTH_RESOURCE", "LccHandler", "NoSuchRoute", "handlers_for"]

AUTH_RESOURCE = "lcc"


class LccHandler(APIHandler):
    """Answer JSON, speak problems, and never count a look at the panel as activity."""

    auth_resource = AUTH_RESOURCE
    routes: Mapping[str, Route] = {}
    _entity_tag: str | None = None

    def initialize(self, parts: Mapping[type, object]) -> None:
        """Take the parts the routes call, by their type."""
        self._parts = parts

    async def prepare(self) -> None:  # type: ignore[override]  # as APIHandler itself has it
        """Tell unknown methods with `Allow`, keep reads out of Jupyter's activity, refuse oversized bodies."""
        self._track_activity = self.request.method not in ("GET", "HEAD", "OPTIONS")
        if self.request.method not in (*self.routes, "OPTIONS"):
            self.set_header("Allow", ", ".join(sorted(self.routes)))
            raise web.HTTPError(405)
        await super().prepare()
        route = self.routes.get(str(self.request.method))
        if route is not None and len(self.request.body) > route.max_body_bytes:
            raise TooLarge("The body is too large.", max_bytes=route.max_body_bytes)

    async def serve(self, route: Route, pieces: Mapping[str, str]) -> None:
        """Do one route: everything a client can get wrong is told before the part is called."""
        arguments: dict[str, Any] = dict(pieces)
        if route.query is not None:
            arguments["query"] = _decode_query(self.request.query_arguments, route.query)
        if route.body is not None:
            arguments["body"] = _decode_body(self.request.body, route.body)
        if route.conditional:
            arguments["if_match"] = _decode_tag(self.request.headers.get_list("If-Match"))
        answer: Any = await route.call(self._parts[route.part], **arguments)
        planned = route.dry_run is not None and isinstance(answer, route.dry_run)
        self.set_status(200 if planned else route.status)
        if isinstance(answer, Located) and self.get_status() == 202:
            self.set_header("Location", url_path_join(self.base_url, "lcc", answer.location()))
        if isinstance(answer, Tagged):
            self._entity_tag = f'"{answer.entity_tag()}"'
            self.set_header("ETag", self._entity_tag)
        if answer is None:
            await self.finish()
        else:
            await self.finish(msgspec.json.encode(answer))

    def compute_etag(self) -> str | None:
        """Name the state by what the answer says of itself; Tornado's own is a hash of the body."""
        return self._entity_tag or super().compute_etag()

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log what we didn't foresee; what a client got wrong is the client's to read."""
        if isinstance(value, LccError) and status_of(type(value)) < 500:
            self.log.debug("%s %s: %s", self.request.method, self.request.path, value)
        else:
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Give our own errors their status."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, LccError):
            status_code = status_of(type(error))
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the problem body; the headers of a refused method are kept."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if status_code == 405:
            self.set_header("Allow", ", ".join(sorted(self.routes)))
        self.finish(msgspec.json.encode(problem_of(error, status_code)))


class NoSuchRoute(LccHandler):
    """Everything below lcc/ that is not in the table."""

    async def prepare(self) -> None:  # type: ignore[override]  # as APIHandler itself has it
        """Refuse, with a problem body and without a hint to strangers of what is there."""
        await APIHandler.prepare(self)
        self._track_activity = False
        raise web.HTTPError(404)


def handlers_for(
    routes: Sequence[Route], parts: Mapping[type, object], base: str = r"/lcc"
) -> list[tuple[str, type[LccHandler], dict[str, Any]]]:
    """Make the Tornado handlers of a table, one class for each path."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    made: list[tuple[str, type[LccHandler], dict[str, Any]]] = []
    for path, verbs in by_path.items():
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
        attributes: dict[str, Any] = {"routes": verbs, "__doc__": f"{', '.join(verbs)} lcc/{path}"}
        for method, route in verbs.items():
            attributes[method.lower()] = _verb(route)
        name = "".join(word.capitalize() for word in re.findall(r"\w+", path)) + "Handler"
        made.append((url_path_join(base, pattern), type(name, (LccHandler,), attributes), {"parts": parts}))
    made.append((url_path_join(base, r".*"), NoSuchRoute, {"parts": parts}))
    return made


def _verb(route: Route) -> Callable[..., Any]:
    # `authorized` remembers the first action and resource it saw when they aren't spelled out, also for
    # other handlers that inherit the method (jupyter_server/auth/decorator.py): so always spell them out,
    # and make a new function for each verb.
    async def verb(self: LccHandler, **pieces: str) -> None:
        await self.serve(route, pieces)

    verb.__name__ = route.operation
    verb.__doc__ = route.summary
    allowed: Callable[..., Any] = authorized(action=route.action, resource=AUTH_RESOURCE)(verb)
    return web.authenticated(allowed)


def _decode_body(raw: bytes, shape: type[Any]) -> Any:
    if not raw.strip():
        raise Malformed("A JSON body is needed.", expected=shape.__name__)
    try:
        return _decode_json(raw, shape)
    except msgspec.ValidationError as error:
        _refuse(error, shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not JSON: {error}.") from error


def _decode_json(raw: bytes, shape: type[Any]) -> Any:
    """Decode a body. 60.0 is the integer 60, for JSON Schema and for who writes JSON in a language without integers."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        if "got `float`" not in str(error):
            raise
        try:
            whole = _with_integers(msgspec.json.decode(raw))
        except RecursionError:
            raise error from None
        return msgspec.convert(whole, type=shape)


def _with_integers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _with_integers(each) for key, each in value.items()}
    return [_with_integers(each) for each in value] if isinstance(value, list) else value


def _decode_query(given: Mapping[str, list[bytes]], shape: type[Any]) -> Any:
    # `token` is one of Jupyter's ways to authenticate, `no_track_activity` its way to poll quietly, and a bare
    # number is what JupyterLab's requests add so that no cache answers them.
    wanted = {
        name: values
        for name, values in given.items()
        if name not in ("token", "no_track_activity") and not (name.isdigit() and values == [b""])
    }
    repeated = [name for name, values in wanted.items() if len(values) > 1]
    if repeated:
        raise Invalid(f"`{repeated[0]}` is given more than once.", field=repeated[0])
    try:
        texts = {name: values[0].decode("utf-8") for name, values in wanted.items()}
    except UnicodeDecodeError as error:
        raise Malformed("The query is not UTF-8.") from error
    try:
        decoded = msgspec.convert(texts, type=shape, strict=False)
    except msgspec.ValidationError as error:
        _refuse(error, shape)
    replaced: dict[str, Any] = {}
    for known in msgspec.structs.fields(shape):
        text, value = texts.get(known.encode_name), getattr(decoded, known.name)
        if text is None:
            continue
        if value is None:  # msgspec takes the word for the value
            raise Invalid(f"`{known.encode_name}` must not be null; leave it out.", field=known.encode_name)
        if isinstance(value, datetime):
            replaced[known.name] = _utc(known.encode_name, text, value)
    return msgspec.structs.replace(decoded, **replaced)


def _decode_tag(given: Sequence[str]) -> str | None:
    """Take one strong ETag. More of them, `*` and weak ones say nothing of the one state that is to be replaced."""
    if not given:
        return None
    found = re.fullmatch(r'\s*"([!#-~]{1,300})"\s*', given[0]) if len(given) == 1 else None
    if found is None:
        raise Malformed("`If-Match` must be one ETag in double quotes, as the answer before had it.")
    return found[1]


def _utc(name: str, text: str, at: datetime) -> datetime:
    """Take a time as RFC 3339 writes it; msgspec would take a bare number as seconds since 1970."""
    try:
        if "-" in text[1:]:
            return at.astimezone(timezone.utc)
    except OverflowError:
        pass
    raise Invalid(f"`{name}` must be a time like 2026-11-20T18:40:00Z, not {text!r}.", field=name, value=text)


def _refuse(error: msgspec.ValidationError, shape: type[Any]) -> NoReturn:
    message = str(error)
    at = re.search(r"`\$\.?([^`]*)`", message)
    raise Invalid(message, field=at.group(1) if at else None, known_fields=list(shape.__struct_fields__)) from error
