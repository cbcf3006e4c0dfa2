"""The request schemas of locations: what a client may send, and how their list is filtered, sorted and paged."""

from collections.abc import Sequence

from api.errors import InvalidInput, fault
from api.requests.containers import ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Code, Text
from api.requests.types import Boolean, Only
from api.responses.pagination import Paging
from models.location_codes import location_ids
from models.stock.location import CODE_LENGTH, NAME_LENGTH, Location

SET_BY_SERVICE = dict.fromkeys(
    ("id", "version", "created_at", "updated_at"), ("read_only", "is set by the service; leave it out")
)
ARCHIVED = {"archived": ("read_only", "changes by DELETE, and by PATCH to false; leave it out")}

# To how many locations a user or a token may be bound.
MAX_BOUND = 100

code_type = Code(CODE_LENGTH)
name_type = Text(NAME_LENGTH)
CODE_HELP = "Unique, ignoring case; stored as first written."
DEFAULT_HELP = "Movements that name no location are at the default one."
becoming_default = Field(
    "default",
    Only(True, "another location stops being the default when this one becomes it"),
    help=f"{DEFAULT_HELP} The one before stops being it.",
)
create_parser = RequestParser(
    Field("code", code_type, required=True, help=CODE_HELP),
    Field("name", name_type),
    Field("default", Boolean(), help=f"{DEFAULT_HELP} If true, the one before stops being it."),
    refused=SET_BY_SERVICE | ARCHIVED,
    example={"code": "SHOP", "name": "The shop in Mill Lane"},
    name="NewLocation",
)
by_code_parser = RequestParser(
    Field("code", code_type),
    Field("name", name_type),
    becoming_default,
    refused=SET_BY_SERVICE | ARCHIVED,
    example={"name": "The shop in Mill Lane"},
    name="LocationInputByCode",
)
patch_parser = RequestParser(
    Field("code", code_type, help=CODE_HELP),
    Field("name", name_type, nullable=True),
    becoming_default,
    Field("archived", Only(False, "DELETE archives a location"), help="Restores an archived location."),
    refused=SET_BY_SERVICE,
    example={"default": True},
    name="LocationPatch",
)
paging = Paging(Location.id, {"code": Location.code_key, "name": Location.name})
list_parser = RequestParser(QueryField("archived", Boolean(), default=False), *paging.fields)
bound_field = Field(
    "locations",
    ListOf(code_type, MAX_BOUND),
    nullable=True,
    help="The codes of the locations whose stock may be changed, in any case; all if empty, null or left out.",
)


def bound_ids(codes: Sequence[str] | None) -> list[int] | None:
    """Return the ids of the locations that a user or token is to be bound to, sorted; None for none, which is all.

    Raises InvalidInput for codes that no location has, and for one location that is named twice.
    """
    ids: list[int] = []
    faults = []
    for index, location_id in enumerate(location_ids(codes) if codes else ()):
        if location_id is None:
            faults.append(fault(f"locations[{index}]", "unknown_location", "is the code of no location"))
        elif location_id in ids:
            faults.append(fault(f"locations[{index}]", "repeated", "must not repeat an entry"))
        else:
            ids.append(location_id)
    if faults:
        raise InvalidInput(faults)
    return sorted(ids) or None
