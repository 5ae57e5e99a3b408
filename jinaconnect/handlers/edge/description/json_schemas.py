"""Models as JSON schemas, the way both descriptions hold them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

REF = "#/components/schemas/{model}"


class Described(GenerateJsonSchema):
    """Schemas without titles made of field names, and without defaults that the schema itself would refuse."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave titles out: they say the name again."""
        return False

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Keep the order in which fields are declared."""
        return value

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out what only stands for "not given"."""
        made = super().default_schema(schema)
        default = made.get("default", ...)
        types = {each.get("type") for each in made.get("anyOf", [made])}
        if (default is None and "null" not in types) or (default == "" and made.get("minLength")):
            made = {key: value for key, value in made.items() if key != "default"}
        return made


def schemas_of(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """Return the schemas of models, and of the models in them, by name.

    What is more than a schema says is no fault to whoever reads: fields are added in time.
    """
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=REF, schema_generator=Described
    )
    schemas: dict[str, Any] = made["$defs"]
    for schema in schemas.values():
        schema.pop("title", None)
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
    return schemas
