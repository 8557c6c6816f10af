"""The OpenAPI document, generated from the same table of operations as the routes, so that both agree."""

import re
from functools import lru_cache
from typing import Any

import msgspec

import scheduled
from scheduled.interfaces.web.api import answers
from scheduled.interfaces.web.api.operation import Operation
from scheduled.interfaces.web.api.operations import CONFIG_ERROR, OPERATIONS
from scheduled.interfaces.web.responses import PROBLEM

REFERENCE = "#/components/schemas/{name}"


UNREADABLE: dict[str, Any] = {
    "description": "Why the configuration cannot be read; the answer is then from the ledger",
    "schema": {"type": "string"},
}


@lru_cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the REST interface."""
    types: list[Any] = [answers.Problem]
    for operation in OPERATIONS:
        types += [kind for kind in (operation.body, operation.answer) if kind is not None]
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "scheduled",
            "version": scheduled.__version__,
            "description": "Cron jobs that catch up on missed slots. Errors are problem details (RFC 9457).",
        },
        "paths": _paths(),
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        for prefix in operation.prefixes:
            path = prefix + operation.path
            paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, path)
    return paths


def _operation(operation: Operation, path: str) -> dict[str, Any]:
    identity = re.sub(r"\W+", "-", f"{operation.method.lower()}{path}").strip("-")
    described: dict[str, Any] = {
        "operationId": identity,
        "summary": operation.summary,
        "parameters": [*_in_path(path), *_in_query(operation)],
        "responses": {
            str(operation.status): {
                "description": "Success",
                "content": {"application/json": {"schema": _schema(operation.answer)}},
                **({"headers": {CONFIG_ERROR: UNREADABLE}} if operation.from_ledger else {}),
            },
            "default": {
                "description": "Error: the request was refused or failed",
                "content": {PROBLEM: {"schema": _schema(answers.Problem)}},
            },
        },
    }
    if operation.body is not None:
        required = any(field.required for field in msgspec.structs.fields(operation.body))
        content = {"application/json": {"schema": _schema(operation.body)}}
        described["requestBody"] = {"required": required, "content": content}
    return described


def _schema(kind: Any) -> dict[str, Any]:
    (found,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    return found


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _in_query(operation: Operation) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(operation.query)
    found = schema["$defs"][operation.query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in found.get("required", ()),
            "schema": _without_null(parameter),
        }
        for name, parameter in found["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* without null: in a query string an absent parameter takes its place."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if "anyOf" in schema:
        return dict(kinds[0]) if len(kinds) == 1 else {"anyOf": kinds}
    if None in schema.get("enum", ()):
        return {**schema, "enum": [value for value in schema["enum"] if value is not None]}
    return schema
