"""What a method returns when it succeeds; the OpenAPI document has it, and every test compares its answers with it."""

from dataclasses import dataclass

from models.json_schema import Schema, nullable

CURSOR: Schema = nullable({"type": "string"})


@dataclass(frozen=True)
class Output:
    """The successes of one method, and those of its refusals that nothing else in the code says."""

    schema: Schema | None  # of the body; None where there is no body
    statuses: tuple[int, ...] = (200,)
    refuses: tuple[str, ...] = ()  # codes of `api.problems.PROBLEMS`
    tagged: bool = False  # carries an ETag; a GET then answers 304 too, unless `revalidated` is false
    revalidated: bool = True
    linked: bool = False  # carries the Link header of a page
    checked: bool | None = None  # whether it honours If-Match and If-None-Match; if not said, all but POST do
    file: bool = False  # carries the name of a file, where it is a table
    name: str | None = None  # the operationId, where method and endpoint make no good one


def partial_of(schema: Schema) -> Schema:
    """Return the schema of the same object where a client may have asked for some of its fields only."""
    return {**schema, "title": f"{schema['title']}Fields", "required": []}
