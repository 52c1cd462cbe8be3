"""Parameters of requests: what is unknown or wrong is refused, with what was expected instead.

Names and limits are read from the description of the API (OpenAPI), so that an error says what
the description says.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError

from fashion.cli.parser import did_you_mean
from fashion.service.refusals import Refusal

_MOST_SHOWN = 60  # characters of what a client sent, in an answer
_MOST_LISTED = 3  # values of a parameter that was repeated


def refuse_unexpected(request: Request) -> None:
    """Refuses a request of the API with a query parameter that is unknown, or given twice.

    Of a parameter that is given twice the framework would take the last value, silently. The
    addresses of the page take any: links may carry parameters of whoever passes them on.

    Args:
        request: The request.

    Raises:
        Refusal: 422. Of an unknown one it has the nearest name and all that there are.
    """
    if not request.url.path.startswith("/api/"):
        return
    described = [row for row in _described(request) if row["in"] == "query"]
    known = [row["name"] for row in described]
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        name = _shortened(unknown)
        takes = f"It takes {', '.join(known)}." if known else "It takes none."
        raise Refusal(
            422,
            f"This address has no parameter {name}.{did_you_mean(name, known)} {takes}",
        )
    for row in described:
        values = request.query_params.getlist(row["name"])
        if len(values) > 1 and _schema_of(row)["type"] != "array":
            raise Refusal(422, f"{row['name']} may be given once. Got {_listed(values)}.")


def problem_of(request: Request, error: RequestValidationError) -> str:
    """Writes what is wrong with the parameters of a request.

    Args:
        request: The request.
        error: What the framework found.

    Returns:
        A sentence or two for each wrong parameter.
    """
    described = {row["name"]: row for row in _described(request)}
    wrong: dict[str, Mapping[str, Any]] = {}
    for row in error.errors():
        # A location is ("query", name), or ("query", name, place) of one that is repeated.
        wrong.setdefault(str(row["loc"][1]), row)
    return " ".join(_problem(described[name], row) for name, row in wrong.items())


def _described(request: Request) -> list[dict[str, Any]]:
    """The parameters of the route, as the description of the API has them."""
    api: FastAPI = request.app
    operation = api.openapi()["paths"].get(request.scope["route"].path, {})
    found: list[dict[str, Any]] = operation.get(request.method.lower(), {}).get("parameters", [])
    return found


def _problem(parameter: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    name, schema = parameter["name"], _schema_of(parameter)
    if error["type"] == "missing":
        return f"{name} is missing. It must {_rule(schema)}."
    given = error["input"]
    if schema["type"] == "array" and isinstance(given, list):
        return f"{name} may be given at most {schema['maxItems']} times. Got {len(given)}."
    if "maxLength" in schema:
        return f"{name} must {_rule(schema)}. Got {len(given):,}."
    text = f"{name} must {_rule(schema)}. Got {_shortened(given) or 'nothing'}."
    return text + did_you_mean(str(given), schema.get("enum", ()))


def _schema_of(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a value; of one that may be left out, that of the value if it is given."""
    schema: Mapping[str, Any] = parameter["schema"]
    given = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    return given[0]


def _rule(schema: Mapping[str, Any]) -> str:
    """What a value must do, as the end of "k must …"."""
    if "enum" in schema:
        return f"be one of {', '.join(schema['enum'])}"
    if schema["type"] == "boolean":
        return "be true or false"
    if "maxLength" in schema:
        return f"have at most {schema['maxLength']} characters"
    least, most = schema.get("minimum"), schema.get("maximum")
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    if most is None:
        return f"be {kind} of at least {least}"
    return f"be {kind} from {least} to {most}"


def _listed(values: list[str]) -> str:
    more = ["…"] if len(values) > _MOST_LISTED else []
    return ", ".join([_shortened(value) or "nothing" for value in values[:_MOST_LISTED]] + more)


def _shortened(text: Any) -> str:
    text = str(text)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
