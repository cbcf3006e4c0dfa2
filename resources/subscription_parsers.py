"""The request schemas of subscriptions: what a client may send, and how their list is filtered and paged."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.auth.accounts import recipient_type
from api.requests.containers import ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Boolean, Choice, Integer, InvalidValue
from api.responses.pagination import Paging
from models.event_types import CHOICES
from models.outbound.subscription import CHANNELS, MOST_MINUTES, MOST_RECIPIENTS, Subscription
from models.outbound.subscriptions import RHYTHMS
from models.values import normalized


def faults_of_recipients(args: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the error of each recipient that is there twice, in whatever case."""
    seen: set[str] = set()
    for index, address in enumerate(args.get("recipients") or ()):
        if normalized(address) in seen:
            yield InvalidValue("repeated", "must not repeat an entry", f"recipients[{index}]")
        seen.add(normalized(address))


def faults_of_new(args: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the errors of a new subscription: it has exactly one rhythm."""
    yield from faults_of_recipients(args)
    if sum(name in args for name in RHYTHMS) != 1:
        yield from _faults_of_rhythm()


def faults_of_patch(args: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the errors of a patch: it sets one rhythm at most, and takes none away without setting the other."""
    yield from faults_of_recipients(args)
    given = [args[name] for name in RHYTHMS if name in args]
    if given and sum(each is not None for each in given) != 1:
        yield from _faults_of_rhythm()


def _faults_of_rhythm() -> Iterator[InvalidValue]:
    for name, other in (RHYTHMS, RHYTHMS[::-1]):
        yield InvalidValue("required", f"or {other} must be given, and only one of them", name)


RECIPIENTS_HELP = "Empty or left out: `ALERT_RECIPIENTS` of the settings, or else the active admins with an address."
MINUTES_HELP = "A digest every so many minutes, if there is something to say; give either this or `daily_at`."
DAILY_HELP = "A digest a day, at this time of UTC (`HH:MM`)."
recipients_type = ListOf(recipient_type, MOST_RECIPIENTS)
types_type = ListOf(Choice(*CHOICES), len(CHOICES), 1)
minutes_type = Integer(1, MOST_MINUTES)
daily_type = Text(5, 5, pattern="([01][0-9]|2[0-3]):[0-5][0-9]", pattern_words="must be a time of day as 07:30")
types_field = Field("types", types_type, required=True, help="The types of events as `/events` has them; `*` is all.")
active_field = Field("active", Boolean(), help="Switched on again, it begins with what happens from then on.")
SET_BY_SERVICE = dict.fromkeys(
    ("id", "next_at", "next_attempt_at", "failing_since", "last_error", "created_at"),
    ("read_only", "is set by the service; leave it out"),
)
create_parser = RequestParser(
    Field("channel", Choice(*CHANNELS), required=True, help="By which way it goes."),
    Field("recipients", recipients_type, help=RECIPIENTS_HELP),
    types_field,
    Field("every_minutes", minutes_type, help=MINUTES_HELP),
    Field("daily_at", daily_type, help=DAILY_HELP),
    active_field,
    refused=SET_BY_SERVICE,
    check=faults_of_new,
    rules={"oneOf": [{"required": [name]} for name in RHYTHMS]},
    example={"channel": "mail", "types": ["item.low_stock", "item.restocked"], "daily_at": "06:30"},
    name="NewSubscription",
)
patch_parser = RequestParser(
    Field("recipients", recipients_type, nullable=True, help=RECIPIENTS_HELP),
    Field("types", types_type, help=types_field.help),
    Field(
        "every_minutes", minutes_type, nullable=True, help=f"{MINUTES_HELP} The one that is given replaces the other."
    ),
    Field("daily_at", daily_type, nullable=True, help=f"{DAILY_HELP} The one that is given replaces the other."),
    active_field,
    refused=SET_BY_SERVICE | {"channel": ("read_only", "stays what it is")},
    check=faults_of_patch,
    example={"every_minutes": 60},
    name="SubscriptionPatch",
)
paging = Paging(Subscription.id, {})
list_parser = RequestParser(QueryField("active", Boolean()), *paging.fields)
