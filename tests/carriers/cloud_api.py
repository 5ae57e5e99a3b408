"""Meta's published description of the WhatsApp Cloud API (v23.0): what of a request does not fit it.

The description is found by JC_TEST_SHARED; it is no part of this project. What it has wrong, or does not know yet, is
told by `cloud_api_beyond`. An object takes no other names than those it is described with, whether it says so or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from tests.carriers.cloud_api_beyond import AMENDED, FIELDS, MESSAGES, TEMPLATE, TEMPLATES

_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number"}
_FORMATS = FormatChecker(("date", "email"))


@_FORMATS.checks("url")
@_FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or value.startswith(("https://", "http://"))


@dataclass(frozen=True)
class Asked:
    """A request: `path` is the description's, `named` what stands in it; a form's files are told by their names."""

    method: str
    path: str
    named: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


class Description:
    """The description, with every object closed."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.paths: dict[str, Any] = told["paths"]
        self._components = told["components"]
        self._name_templates()
        for amendment in AMENDED:
            _lay(told, amendment.place, amendment.value)
        self._schemas = {name: self._closed(each) for name, each in self._components["schemas"].items()}
        self._validators: dict[tuple[str, str, str], Draft202012Validator] = {}

    def _name_templates(self) -> None:
        """Name what templates are made of: it was derived from one example, and the others show what else there is."""
        form: dict[str, Any] = {}
        for _, value in self.examples(TEMPLATES):
            _learn(form, value)
        schemas = self._components["schemas"]
        schemas["TemplatePart"] = form["properties"]["components"]["items"]
        form["properties"]["components"]["items"] = {"$ref": "#/components/schemas/TemplatePart"}
        schemas["TemplateForm"] = form
        for path in (TEMPLATES, TEMPLATE):  # an edit takes what a template is handed in with
            content = self.paths[path]["post"]["requestBody"]["content"]["application/json"]
            content["schema"] = {"$ref": "#/components/schemas/TemplateForm"}

    def examples(self, path: str) -> Iterator[tuple[str, Any]]:
        """Yield the bodies that are shown of what is posted to a path, each with its name."""
        told = self.paths[path]["post"]["requestBody"]["content"]["application/json"]
        yield from ((name, each["value"]) for name, each in told["examples"].items())

    # --- schemas -------------------------------------------------------------------------------------------------

    def _found(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        kind, name = schema["$ref"].removeprefix("#/components/").split("/")
        found: Mapping[str, Any] = self._components[kind][name]
        return found

    def _closed(self, schema: Any) -> Any:
        """Return a schema of which each object takes the names it is described with, and no other."""
        if not isinstance(schema, Mapping) or "$ref" in schema:
            return schema
        if "discriminator" in schema:
            return _chosen(schema["discriminator"])
        made = self._merged(schema)
        if "properties" in made:
            made["properties"] = {name: self._closed(each) for name, each in made["properties"].items()}
            made["additionalProperties"] = False
        if "items" in made:
            made["items"] = self._closed(made["items"])
        for name in ("oneOf", "anyOf"):
            if name in made:
                made[name] = [self._closed(each) for each in made[name]]
        return made

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema with what it is made of laid into one: closed each by itself they would refuse each other."""
        made: dict[str, Any] = {}
        parts = [self._found(each) for each in schema.get("allOf", ())]
        own = {name: value for name, value in schema.items() if name != "allOf"}
        for part in (*(self._merged(each) for each in parts if "if" not in each), own):
            properties = {**made.get("properties", {}), **part.get("properties", {})}
            required = [*made.get("required", ()), *part.get("required", ())]
            made |= {name: value for name, value in part.items() if name != "discriminator"}
            made |= {**({"properties": properties} if properties else {}), "required": required}
        if conditions := [each for each in parts if "if" in each]:
            made["allOf"] = conditions
        return made

    def _validator(self, asked: Asked, kind: str, schema: Any) -> Draft202012Validator:
        key = (asked.method, asked.path, kind)
        if key not in self._validators:
            whole = {"allOf": [self._closed(schema)], "components": {"schemas": self._schemas}}
            self._validators[key] = Draft202012Validator(whole, format_checker=_FORMATS)
        return self._validators[key]

    # --- requests ------------------------------------------------------------------------------------------------

    def faults(self, asked: Asked) -> Iterator[str]:
        """Yield what of a request does not fit."""
        told = self.paths.get(asked.path, {})
        operation = told.get(asked.method.lower())
        if operation is None:
            yield "is not described"
            return
        parameters = [self._found(each) for each in (*operation.get("parameters", ()), *told.get("parameters", ()))]
        yield from _parameter_faults(asked, parameters)
        known = [each["name"] for each in parameters if each["in"] == "query"]
        yield from (f"?{name} is not known" for name in asked.query if name not in known)
        if "fields" in asked.query:
            fields = self._answered(operation) | FIELDS.get(asked.path, {}).keys()
            names = asked.query["fields"].split(",")
            yield from (f"?fields={name} is not known" for name in names if name not in fields)
        yield from self._body_faults(asked, operation)

    def _answered(self, operation: Mapping[str, Any]) -> set[str]:
        """Return the fields of what is answered."""
        [content] = operation["responses"]["200"]["content"].values()
        schema = self._found(content["schema"])
        row = schema["properties"].get("data", {}).get("items", schema)
        return set(row["properties"])

    def _body_faults(self, asked: Asked, operation: Mapping[str, Any]) -> Iterator[str]:
        if asked.body is None or "requestBody" not in operation:
            if asked.body is not None or operation.get("requestBody", {}).get("required"):
                yield "has a body that is not described" if asked.body is not None else "has no body"
            return
        kind = asked.headers.get("Content-Type", "").partition(";")[0]
        contents = operation["requestBody"]["content"]
        if kind not in contents:
            yield f"has a body of the type {kind!r}"
            return
        for error in self._validator(asked, kind, contents[kind]["schema"]).iter_errors(asked.body):
            nearest = best_match([error])
            yield f"{'.'.join(map(str, nearest.absolute_path))}: {nearest.message[:300]}"


def _parameter_faults(asked: Asked, parameters: list[Mapping[str, Any]]) -> Iterator[str]:
    places = {"path": asked.named, "query": asked.query, "header": asked.headers}
    for each in parameters:
        name, value = each["name"], places[each["in"]].get(each["name"])
        if value is None:
            if each.get("required"):
                yield f"{each['in']}: {name} is missing"
            continue
        given: Any = value.partition(";")[0] if name == "Content-Type" else value
        if each["schema"]["type"] == "integer" and given.isdigit():
            given = int(given)
        for error in Draft202012Validator(each["schema"]).iter_errors(given):
            yield f"{each['in']}: {name}: {error.message}"


def _chosen(discriminator: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a choice that is made by the value of one property."""
    name, ways = discriminator["propertyName"], discriminator["mapping"]
    return {
        "type": "object", "required": [name], "properties": {name: {"enum": list(ways)}},
        "allOf": [
            {"if": {"required": [name], "properties": {name: {"const": value}}}, "then": {"$ref": way}}
            for value, way in ways.items()
        ],
    }  # fmt: skip


def _lay(told: Any, place: tuple[str | int, ...], value: Any) -> None:
    """Lay a value over the description: objects into objects, `-` is a new last item."""
    *way, last = place
    for name in way:
        told = told[name]
    if last == "-":
        told.append(value)
    elif last in told and isinstance(told[last], dict) and isinstance(value, dict) and "$ref" not in value:
        for name, each in value.items():
            _lay(told, (last, name), each)
    else:
        told[last] = value


def _learn(schema: dict[str, Any], value: Any) -> None:
    """Have a schema take a value that is shown as an example."""
    if isinstance(value, dict):
        schema.setdefault("type", "object")
        for name, each in value.items():
            _learn(schema.setdefault("properties", {}).setdefault(name, {}), each)
    elif isinstance(value, list):
        schema.setdefault("type", "array")
        for each in value:
            _learn(schema.setdefault("items", {}), each)
    else:
        schema.setdefault("type", _KINDS[type(value)])


@cache
def description() -> Description | None:
    """Return the description, None where it is not at hand."""
    shared = os.environ.get("JC_TEST_SHARED")
    if shared is None:
        return None
    text = (Path(shared) / "specs" / "meta_messaging_v23.0.patched.yaml").read_text()
    return Description(yaml.load(text, yaml.CSafeLoader))


def request_faults(asked: Asked) -> list[str]:
    """Return what of a request does not fit the description, nothing where that is not at hand."""
    told = description()
    return [] if told is None else [f"{asked.method} {asked.path}: {fault}" for fault in told.faults(asked)]


def message_faults(body: Any) -> list[str]:
    """Return what of a message does not fit the description, for those who take messages in Meta's form as well."""
    headers = {"Authorization": "Bearer token", "Content-Type": "application/json"}
    return request_faults(Asked("POST", MESSAGES, {"Version": "v23.0", "Phone-Number-ID": "1"}, {}, headers, body))
