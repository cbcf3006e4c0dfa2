"""The request schemas of webhooks: what a client may send, and how their lists are filtered and paged."""

from typing import Any

from api.requests.containers import SAFE_INTEGER, ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Boolean, Choice, Integer
from api.responses.pagination import Paging
from models.event_types import CHOICES, SCHEMA
from models.json_schema import Schema
from models.outbound.delivery import STATUSES, Delivery
from models.outbound.webhook import URL_LENGTH, Webhook


class Position:
    """The type of a position in the change feed: a `next_cursor` of `/events`, which is returned as a number."""

    text = Text(18, 1, pattern="(0|[1-9][0-9]*)", pattern_words="must be a next_cursor of /events, as it came")

    def __call__(self, value: Any) -> int:
        return int(self.text(value))

    def schema(self) -> Schema:
        return self.text.schema()


type_of_event = Choice(*CHOICES, title=str(SCHEMA["title"]))
url_field = Field("url", Text(URL_LENGTH, 1), required=True, help="Where events are sent, as HTTP POST.")
types_field = Field(
    "types", ListOf(type_of_event, len(CHOICES), 1), required=True, help="The types of event; `*` stands for all."
)
active_field = Field("active", Boolean(), help="Whether events are sent; those that come meanwhile are sent later.")
create_parser = RequestParser(
    url_field,
    types_field,
    Field("since", Position(), help="It begins after this `next_cursor` of `/events`; left out, with what comes next."),
    active_field,
    example={"url": "https://hooks.example.com/stockroom", "types": ["item.low_stock", "item.restocked"]},
    name="NewWebhook",
)
patch_parser = RequestParser(
    Field("url", url_field.type, help=url_field.help),
    Field("types", types_field.type, help=types_field.help),
    active_field,
    refused={
        "since": ("use_replay", "is where a new webhook begins; POST …/replay moves one"),
        "cursor": ("use_replay", "is moved by deliveries, and by POST …/replay"),
        "secret": ("use_rotation", "is made by the service; POST …/rotate-secret makes another"),
    },
    example={"active": True},
    name="WebhookPatch",
)
replay_parser = RequestParser(
    Field("since", Position(), required=True, help="A `next_cursor` of `/events`; `0` is the beginning."),
    example={"since": "0"},
    name="Replay",
)
skip_parser = RequestParser(
    Field("event_id", Integer(1, SAFE_INTEGER), required=True, help="The event at which the webhook stands."),
    Field("reason", Text(500, 1), required=True, help="Why; the audit has it."),
    example={"event_id": 7, "reason": "its receiver can't read this event"},
    name="Skip",
)

paging = Paging(Webhook.id, {})
list_parser = RequestParser(*paging.fields)
deliveries_paging = Paging(Delivery.id, {}, default="-id")
deliveries_parser = RequestParser(
    QueryField("status", Choice(*STATUSES), help="How the attempt ended."), *deliveries_paging.fields
)
