"""A document, and how it says that a method is called."""

import urllib.parse

import jsonschema
import referencing
import referencing.jsonschema


class Document:
    def __init__(self, content):
        self.content = content
        specification = referencing.jsonschema.DRAFT202012
        self.registry = referencing.Registry().with_resource("document:", specification.create_resource(content))

    def operation(self, operation_id):
        """Path, kind of request and operation of this name."""
        for path, item in self.content["paths"].items():
            for kind, operation in item.items():
                if kind != "parameters" and operation.get("operationId") == operation_id:
                    return path, kind, operation
        raise LookupError(f"there is no operation {operation_id}")

    def request(self, operation_id, fields):
        """Kind, path with query, and body of a request with these fields."""
        path, kind, operation = self.operation(operation_id)
        rest, query = dict(fields), {}
        for parameter in operation.get("parameters", []):
            name = parameter["name"]
            if name not in rest:
                assert not parameter.get("required"), f"{operation_id} needs {name}"
            elif parameter["in"] == "path":
                path = path.replace("{" + name + "}", urllib.parse.quote(str(rest.pop(name)), safe=""))
            else:
                query[name] = rest.pop(name)
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        has_body = "requestBody" in operation
        assert has_body or not rest, f"{operation_id} has no place for {rest}"
        return kind.upper(), path, rest if has_body else None

    def check(self, value, *pointer):
        """That a value is what the schema at this place says."""
        path = "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in pointer)
        schema = {"$ref": f"document:#/{urllib.parse.quote(path, safe='/~')}"}
        jsonschema.Draft202012Validator(schema, registry=self.registry).validate(value)
