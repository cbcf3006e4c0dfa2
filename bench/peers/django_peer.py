"""A peer: Django REST framework on waitress, as its tutorial teaches it: model serializers, view sets,
its own token authentication.

`python django_peer.py FOLDER PORT ITEMS` fills the database in that folder if it is new, and serves it.
"""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import django
from django.conf import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stock import TOKEN, items

folder, port, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
database = folder / "django.sqlite3"
settings.configure(
    SECRET_KEY="only for the measurement",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework.authtoken",
    ],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": database,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
            },
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "PAGE_SIZE": 50,
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from rest_framework import exceptions, routers, serializers, status, viewsets  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402
from rest_framework.decorators import action  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from waitress import serve  # noqa: E402


class Item(models.Model):
    """One kind of thing in stock."""

    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200, db_index=True)
    description = models.TextField()
    unit = models.CharField(max_length=32)
    price = models.DecimalField(max_digits=14, decimal_places=4)
    quantity = models.IntegerField()
    reorder_level = models.IntegerField(null=True)
    bin = models.CharField(max_length=100)
    barcode = models.CharField(max_length=64, null=True, unique=True)
    tags = models.JSONField(default=list)
    attributes = models.JSONField(default=dict)
    archived = models.BooleanField(default=False)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Of no installed app."""

        app_label = "bench"


class Movement(models.Model):
    """One row of the ledger."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    kind = models.CharField(max_length=16)
    delta = models.IntegerField()
    quantity_after = models.IntegerField()
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Of no installed app."""

        app_label = "bench"


class ItemSerializer(serializers.ModelSerializer):
    """An item as clients see it."""

    class Meta:
        """All of it."""

        model = Item
        fields = "__all__"


class MovementSerializer(serializers.ModelSerializer):
    """A movement as clients send and see it."""

    quantity = serializers.IntegerField(write_only=True)

    class Meta:
        """What clients send, and what becomes of it."""

        model = Movement
        fields = ["id", "item", "kind", "quantity", "delta", "quantity_after", "reason", "created_at"]
        read_only_fields = ["item", "delta", "quantity_after"]


class ItemViewSet(viewsets.ModelViewSet):
    """The items, and the movements of one."""

    queryset = Item.objects.order_by("id")
    serializer_class = ItemSerializer

    @action(detail=True, methods=["post"])
    def movements(self, request: Any, pk: str) -> Response:
        """Move stock, and say so in the ledger."""
        serializer = MovementSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        delta = serializer.validated_data.pop("quantity")
        with transaction.atomic():
            guarded = Item.objects.filter(pk=pk, quantity__gte=-delta)
            if not guarded.update(quantity=models.F("quantity") + delta):
                raise exceptions.ValidationError("There is not so much in stock.")
            after = Item.objects.values_list("quantity", flat=True).get(pk=pk)
            serializer.save(item_id=pk, user=request.user, delta=delta, quantity_after=after)
        return Response(serializer.data, status=status.HTTP_201_CREATED)


router = routers.SimpleRouter(trailing_slash=False)
router.register("items", ItemViewSet)
urlpatterns = router.urls


def fill() -> None:
    """Make the tables and their rows."""
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Item)
        editor.create_model(Movement)
    user = User.objects.create_user("bench")
    Token.objects.create(key=TOKEN, user=user)
    rows = (Item(**{**item, "price": Decimal(item["price"])}) for item in items(1, count))
    Item.objects.bulk_create(rows, batch_size=500)


if __name__ == "__main__":
    if not database.exists():
        fill()
    connection.close()
    serve(get_wsgi_application(), host="127.0.0.1", port=port, threads=8)
