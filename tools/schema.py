"""JSON schemas as strict servers take them."""

from typing import Any, Final

# Strict mode refuses a schema with keywords that it does not enforce; our own validation does.
_LEFT_OUT: Final = frozenset({"title", "default", "minLength", "maxLength", "examples", "exclusiveMinimum"})


def strict(schema: Any) -> Any:
    """A schema without what strict servers refuse."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # nothing may stand beside it
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs") and isinstance(value, dict):
            kept[key] = {name: strict(part) for name, part in value.items()}
        elif key not in _LEFT_OUT:
            kept[key] = strict(value)
    if kept.get("type") == "object" and "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept
