"""The request schemas of locations: what a client may send, and how their list is filtered, sorted and paged."""

from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Code, Text
from api.requests.types import Boolean, Only
from api.responses.pagination import Paging
from models.stock.location import CODE_LENGTH, NAME_LENGTH, Location

SET_BY_SERVICE = dict.fromkeys(
    ("id", "version", "created_at", "updated_at"), ("read_only", "is set by the service; leave it out")
)
ARCHIVED = {"archived": ("read_only", "changes by DELETE, and by PATCH to false; leave it out")}

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
