"""The table of routes as an OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from .. import errors
from .model import ProblemBody
from .problems import status_of
from .routes import Route

__all__ = ["describe"]

_REF = "#/components/schemas/{name}"


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Describe every route; shapes come from the Structs and stand nowhere else."""
    shapes = sorted(
        {shape for r in routes for shape in (r.answer, r.body, r.query, r.dry_run) if shape not in (None, dict)}
        | {ProblemBody},
        key=lambda shape: shape.__name__,
    )
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    schema_of = dict(zip(shapes, schemas, strict=True))
    queries = {r.query.__name__: r.query for r in routes if r.query is not None}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(f"/lcc/{route.path}", {})[route.method.lower()] = _operation(route, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyter_lcc",
            "version": version,
            "description": "Idle shutdown of kernels and terminals. Paths are below the server's base URL.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token <the server's token>`",
                }
            },
            "schemas": {name: _tidy(schema) for name, schema in sorted(components.items()) if name not in queries},
        },
    }


def _operation(route: Route, schema_of: dict[type, dict[str, Any]], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.path.split("/")[0]],
    }
    if route.says:
        operation["description"] = route.says
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": param.description,
            "schema": {"type": "string", "minLength": 1, "maxLength": param.max_length},
        }
        for name, param in route.params.items()
    ]
    if route.query is not None:
        shape = components[route.query.__name__]
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in shape.get("required", ()),
                "schema": _without_null(schema),
            }
            for name, schema in shape["properties"].items()
        ]
    if route.conditional:
        parameters.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": False,
                "description": "The ETag of what is to be replaced, in double quotes.",
                "schema": {"type": "string", "pattern": '^"[!#-~]{1,300}"$'},
            }
        )
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[route.body]}},
        }
    operation["responses"] = _responses(route, schema_of)
    return operation


def _responses(route: Route, schema_of: dict[type, dict[str, Any]]) -> dict[str, Any]:
    problem = {"application/json": {"schema": schema_of[ProblemBody]}}
    said: dict[int, dict[str, Any]] = {403: {"description": "Not signed in, or not allowed.", "content": problem}}
    raised: list[type[errors.LccError]] = list(route.raises)
    if route.conditional:
        raised += [errors.Malformed]
    if route.body is not None:
        raised += [errors.Malformed, errors.TooLarge, errors.Invalid]
    if route.query is not None:
        raised += [errors.Malformed, errors.Invalid]
    for error in raised:
        words = re.sub(r"\s+", " ", (error.__doc__ or "").split("\n\n")[0]).strip()
        status = status_of(error)
        before = said.get(status, {}).get("description")
        joined = f"{before} Or: {words}" if before and words not in before else words
        said[status] = {"description": joined, "content": problem}
    if route.answer is None:
        said[route.status] = {"description": "Done."}
    else:
        said[route.status] = {
            "description": "Done.",
            "content": {
                "application/json": {"schema": {"type": "object"} if route.answer is dict else schema_of[route.answer]}
            },
        }
    if route.dry_run is not None:
        schema = schema_of[route.dry_run]
        said[200] = {"description": "What would be done.", "content": {"application/json": {"schema": schema}}}
    return {str(status): said[status] for status in sorted(said)}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that isn't given is absent, never the word null."""
    kept = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    default = {} if schema.get("default") is None else {"default": schema["default"]}
    return {**rest, **(kept[0] if len(kept) == 1 else {"anyOf": kept} if kept else {}), **default}


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    tidy = {key: value for key, value in schema.items() if key != "title"}
    if "description" in tidy:
        tidy["description"] = re.sub(r"\s+", " ", tidy["description"])
    return tidy
