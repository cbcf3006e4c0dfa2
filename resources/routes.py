"""The routes of the API: every path, with its resource and its endpoint."""

from flask_restful import Api

from api.paths import ITEM_IMPORT, MOVEMENT_IMPORT, V1
from resources.docs import DocsFileResource, DocsResource, OpenApiResource, ProblemResource
from resources.events import AuditResource, EventListResource
from resources.exports import ItemExportResource, MovementExportResource
from resources.imports import ImportPresetListResource, ItemImportResource
from resources.items import (
    ItemByBarcodeResource,
    ItemBySkuResource,
    ItemListResource,
    ItemResource,
    ItemRestoreResource,
)
from resources.labels import ItemLabelResource
from resources.locations import LocationByCodeResource, LocationListResource, LocationResource
from resources.movement_imports import MovementImportResource
from resources.movements import (
    ItemMovementListResource,
    ItemQuantityResource,
    MovementListResource,
    MovementResource,
    ReversalResource,
)
from resources.reports import ItemHistoryResource, ReorderResource, TurnoverResource, ValuationResource
from resources.reservations import (
    ReservationFulfilmentResource,
    ReservationListResource,
    ReservationReleaseResource,
    ReservationResource,
)
from resources.sessions import CurrentSessionResource, NewSessionResource, SessionListResource, SessionResource
from resources.sign_ins import (
    LoginResource,
    LogoutResource,
    OidcCallbackResource,
    OidcLoginResource,
    RefreshResource,
    RegistrationResource,
)
from resources.stats import StatsResource
from resources.stocks import ItemStockListResource, ItemStockResource, StockListResource
from resources.subscriptions import SubscriptionListResource, SubscriptionResource
from resources.tokens import CurrentTokenResource, TokenListResource, TokenResource, TokenRotateResource
from resources.transfers import (
    TransferListResource,
    TransferReceiptListResource,
    TransferResource,
    TransferReversalResource,
)
from resources.users import CurrentPasswordResource, CurrentUserResource, UserListResource, UserResource
from resources.webhook_deliveries import (
    WebhookDeliveryListResource,
    WebhookRedeliveryResource,
    WebhookTestResource,
)
from resources.webhooks import (
    WebhookListResource,
    WebhookReplayResource,
    WebhookResource,
    WebhookSecretResource,
    WebhookSkipResource,
)

ITEM = f"{V1}/items/<id:item_id>"
TRANSFER = f"{V1}/transfers/<id:transfer_id>"
RESERVATION = f"{V1}/reservations/<id:reservation_id>"
WEBHOOK = f"{V1}/webhooks/<id:webhook_id>"
DELIVERY = f"{WEBHOOK}/deliveries/<id:delivery_id>"


def add_routes(api: Api) -> None:
    """Map every resource; the OpenAPI document has paths and tags in this order."""
    _add_stock(api)
    _add_files_and_events(api)
    _add_webhooks(api)
    _add_people(api)
    _add_docs(api)


def _add_stock(api: Api) -> None:
    api.add_resource(ItemListResource, f"{V1}/items", endpoint="items")
    api.add_resource(ItemBySkuResource, f"{V1}/items/by-sku/<sku:sku>", endpoint="item_by_sku")
    api.add_resource(ItemByBarcodeResource, f"{V1}/items/by-barcode/<barcode:barcode>", endpoint="item_by_barcode")
    api.add_resource(ItemResource, ITEM, endpoint="item")
    api.add_resource(ItemRestoreResource, f"{ITEM}/restore", endpoint="item_restore")
    api.add_resource(ItemQuantityResource, f"{ITEM}/quantity", endpoint="item_quantity")
    api.add_resource(ItemHistoryResource, f"{ITEM}/history", endpoint="item_history")
    api.add_resource(ItemLabelResource, f"{ITEM}/label", endpoint="item_label")
    api.add_resource(ItemStockListResource, f"{ITEM}/stocks", endpoint="item_stocks")
    api.add_resource(ItemStockResource, f"{ITEM}/stocks/<code:code>", endpoint="item_stock")
    api.add_resource(StockListResource, f"{V1}/stocks", endpoint="stocks")
    api.add_resource(ItemMovementListResource, f"{ITEM}/movements", endpoint="item_movements")
    api.add_resource(MovementListResource, f"{V1}/movements", endpoint="movements")
    api.add_resource(MovementResource, f"{V1}/movements/<id:movement_id>", endpoint="movement")
    api.add_resource(ReversalResource, f"{V1}/movements/<id:movement_id>/reversal", endpoint="reversal")
    api.add_resource(LocationListResource, f"{V1}/locations", endpoint="locations")
    api.add_resource(LocationByCodeResource, f"{V1}/locations/by-code/<code:code>", endpoint="location_by_code")
    api.add_resource(LocationResource, f"{V1}/locations/<id:location_id>", endpoint="location")
    api.add_resource(TransferListResource, f"{V1}/transfers", endpoint="transfers")
    api.add_resource(TransferResource, TRANSFER, endpoint="transfer")
    api.add_resource(TransferReceiptListResource, f"{TRANSFER}/receipts", endpoint="transfer_receipts")
    api.add_resource(TransferReversalResource, f"{TRANSFER}/reversal", endpoint="transfer_reversal")
    api.add_resource(ReservationListResource, f"{V1}/reservations", endpoint="reservations")
    api.add_resource(ReservationResource, RESERVATION, endpoint="reservation")
    api.add_resource(ReservationFulfilmentResource, f"{RESERVATION}/fulfilment", endpoint="reservation_fulfilment")
    api.add_resource(ReservationReleaseResource, f"{RESERVATION}/release", endpoint="reservation_release")


def _add_files_and_events(api: Api) -> None:
    api.add_resource(ItemImportResource, ITEM_IMPORT, endpoint="item_import")
    api.add_resource(MovementImportResource, MOVEMENT_IMPORT, endpoint="movement_import")
    api.add_resource(ImportPresetListResource, f"{V1}/imports/presets", endpoint="import_presets")
    api.add_resource(ItemExportResource, f"{V1}/items/export", endpoint="item_export")
    api.add_resource(MovementExportResource, f"{V1}/movements/export", endpoint="movement_export")
    api.add_resource(EventListResource, f"{V1}/events", endpoint="events")
    api.add_resource(AuditResource, f"{V1}/audit", endpoint="audit")
    api.add_resource(SubscriptionListResource, f"{V1}/subscriptions", endpoint="subscriptions")
    api.add_resource(SubscriptionResource, f"{V1}/subscriptions/<id:subscription_id>", endpoint="subscription")
    api.add_resource(ValuationResource, f"{V1}/reports/valuation", endpoint="valuation")
    api.add_resource(ReorderResource, f"{V1}/reports/reorder", endpoint="reorder")
    api.add_resource(TurnoverResource, f"{V1}/reports/turnover", endpoint="turnover")
    api.add_resource(StatsResource, f"{V1}/stats", endpoint="stats")


def _add_webhooks(api: Api) -> None:
    api.add_resource(WebhookListResource, f"{V1}/webhooks", endpoint="webhooks")
    api.add_resource(WebhookResource, WEBHOOK, endpoint="webhook")
    api.add_resource(WebhookSecretResource, f"{WEBHOOK}/rotate-secret", endpoint="webhook_secret")
    api.add_resource(WebhookReplayResource, f"{WEBHOOK}/replay", endpoint="webhook_replay")
    api.add_resource(WebhookSkipResource, f"{WEBHOOK}/skip", endpoint="webhook_skip")
    api.add_resource(WebhookTestResource, f"{WEBHOOK}/test", endpoint="webhook_test")
    api.add_resource(WebhookDeliveryListResource, f"{WEBHOOK}/deliveries", endpoint="webhook_deliveries")
    api.add_resource(WebhookRedeliveryResource, f"{DELIVERY}/redeliver", endpoint="webhook_redelivery")


def _add_people(api: Api) -> None:
    api.add_resource(CurrentUserResource, f"{V1}/users/me", endpoint="current_user")
    api.add_resource(CurrentPasswordResource, f"{V1}/users/me/password", endpoint="current_password")
    api.add_resource(UserListResource, f"{V1}/users", endpoint="users")
    api.add_resource(UserResource, f"{V1}/users/<id:user_id>", endpoint="user")
    api.add_resource(TokenListResource, f"{V1}/tokens", endpoint="tokens")
    api.add_resource(CurrentTokenResource, f"{V1}/tokens/current", endpoint="current_token")
    api.add_resource(TokenResource, f"{V1}/tokens/<id:token_id>", endpoint="token")
    api.add_resource(TokenRotateResource, f"{V1}/tokens/<id:token_id>/rotate", endpoint="token_rotate")
    api.add_resource(NewSessionResource, f"{V1}/session", endpoint="new_session")
    api.add_resource(CurrentSessionResource, f"{V1}/session", endpoint="current_session")
    api.add_resource(SessionListResource, f"{V1}/sessions", endpoint="sessions")
    api.add_resource(SessionResource, f"{V1}/sessions/<id:session_id>", endpoint="session")
    api.add_resource(LoginResource, f"{V1}/auth/login", endpoint="login")
    api.add_resource(RefreshResource, f"{V1}/auth/refresh", endpoint="refresh")
    api.add_resource(LogoutResource, f"{V1}/auth/logout", endpoint="logout")
    api.add_resource(RegistrationResource, f"{V1}/auth/register", endpoint="registration")
    api.add_resource(OidcLoginResource, f"{V1}/auth/oidc/login", endpoint="oidc_login")
    api.add_resource(OidcCallbackResource, f"{V1}/auth/oidc/callback", endpoint="oidc_callback")


def _add_docs(api: Api) -> None:
    api.add_resource(OpenApiResource, f"{V1}/openapi.json", endpoint="openapi")
    api.add_resource(ProblemResource, "/problems/<code>", endpoint="problem")
    api.add_resource(DocsResource, "/docs", endpoint="docs")
    api.add_resource(DocsFileResource, "/docs/<name>", endpoint="docs_file")
