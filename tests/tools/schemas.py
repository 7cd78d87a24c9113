"""Checks a printed document against the JSON Schema that ships in the package."""

import json
from importlib.resources import files

import jsonschema


def checked(text: str) -> dict:
    """The document, once its schema has been found by its name and holds."""
    found = json.loads(text)
    name, number = found["schema"].removeprefix("aic.").split("/")
    schema = json.loads((files("aic.tools._schemas") / f"{name}.{number}.json").read_text())
    jsonschema.validate(found, schema, jsonschema.Draft202012Validator)
    return found
