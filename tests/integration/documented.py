"""Holds documents that a server gives against docs/schemas."""

import json

import jsonschema

from binaries import SOURCE

SCHEMAS = {path.name: json.loads(path.read_text()) for path in (SOURCE / "docs" / "schemas").iterdir()}


def assert_documented(document):
    """It is what docs/json.md says: as the command's, without the tool's version and its exit code."""
    assert not {"tool", "exit_code"} & set(document), document
    name, version = document["schema"].split("/")
    file = f"{name}.{version}.schema.json"
    if "tool" in SCHEMAS[file]["properties"]:
        document = document | {"tool": "1.0.0", "exit_code": int(document.get("verdict") in ("different", "failed"))}
    store = {f"file:///schemas/{name}": schema for name, schema in SCHEMAS.items()}
    resolver = jsonschema.RefResolver(f"file:///schemas/{file}", SCHEMAS[file], store=store)
    jsonschema.Draft202012Validator(SCHEMAS[file], resolver=resolver).validate(document)
