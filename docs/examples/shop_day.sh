#!/usr/bin/env bash
# A day of a shop with a store room and a van: goods arrive, the van is loaded, orders are promised and sent, something
# falls, the shelf is counted, and at the end the day is looked at.
#
#     STOCKROOM_URL=http://127.0.0.1:8000 STOCKROOM_TOKEN=stk_… docs/examples/shop_day.sh [DAY]
#
# Each step has a key of its day, so whoever starts the script again, after a crash at any line, doubles nothing: what was
# done answers as it did, what was not is done now. It needs bash, curl and jq.
set -euo pipefail

day=${1:-$(date +%F)}
api=$STOCKROOM_URL/api/v1

# Read something, or with a method and a body change something once; the key says what it is about.
ask() { curl -sS --fail-with-body --retry 5 -H "Authorization: Bearer $STOCKROOM_TOKEN" "$api$1"; }
put() { send PUT "$@"; }
post() { send POST "$@"; }
send() {
    local method=$1 path=$2 body=$3
    curl -sS --fail-with-body --retry 5 -X "$method" -H "Authorization: Bearer $STOCKROOM_TOKEN" \
        -H 'Content-Type: application/json' ${4:+-H "Idempotency-Key: $day/$4"} -d "$body" "$api$path"
}
say() { printf '%s  %s\n' "$1" "$2"; }

# The places and the things; PUT may be repeated.
for place in STORE SHOP VAN; do put "/locations/by-code/$place" '{}' >/dev/null; done
put /items/by-sku/LAMP '{"name": "Desk lamp", "price": "39.00", "reorder_level": 15}' >/dev/null
put /items/by-sku/BULB '{"name": "Bulb", "price": "4.50", "reorder_level": 20}' >/dev/null

# 08:00 a delivery comes to the store room, with what it cost.
post /movements '{"movements": [
    {"sku": "LAMP", "kind": "receive", "quantity": 20, "location": "STORE", "unit_cost": "18.20", "reason": "delivery", "reference": "PO-4711"},
    {"sku": "BULB", "kind": "receive", "quantity": 100, "location": "STORE", "unit_cost": "1.1250", "reason": "delivery", "reference": "PO-4711"}
]}' delivery >/dev/null
say 08:00 "received PO-4711"

# 08:30 the shop gets what it needs at once; the van is loaded, and its goods are on their way until somebody has counted them.
post /transfers '{"from": "STORE", "to": "SHOP", "receive": "now", "reason": "shelves",
    "lines": [{"sku": "LAMP", "quantity": 8}, {"sku": "BULB", "quantity": 40}]}' shelves >/dev/null
load=$(post /transfers '{"from": "STORE", "to": "VAN", "receive": "later", "reason": "fair", "reference": "T-17",
    "lines": [{"sku": "LAMP", "quantity": 6}, {"sku": "BULB", "quantity": 30}]}' van | jq .id)
say 08:30 "the van is loaded"

# 09:00 two orders come in by telephone: what is promised to one is not sold to another.
orders=$(post /reservations '{"reservations": [
    {"sku": "LAMP", "location": "SHOP", "quantity": 2, "reason": "order", "reference": "order 8"},
    {"sku": "LAMP", "location": "SHOP", "quantity": 5, "reason": "order", "reference": "order 9"}
], "expires_in_minutes": 1440}' orders)
first=$(jq '.reservations[0].id' <<<"$orders")
second=$(jq '.reservations[1].id' <<<"$orders")
say 09:00 "promised: $(jq -r '[.reservations[] | "\(.quantity) for \(.reference)"] | join(", ")' <<<"$orders")"

# 10:00 the van has arrived at the fair. One lamp fell on the way, two bulbs are sent back.
post "/transfers/$load/receipts" '{"reason": "fell from the shelf", "lines": [
    {"line": 1, "received": 5, "damaged": 1}, {"line": 2, "received": 28, "returned": 2}]}' arrival >/dev/null
say 10:00 "the van has what it has"

# 11:00 a customer wants two lamps, and one is left that nobody has been promised: 409 says so, and nothing has happened.
refused=$(send POST /movements '{"movements": [
    {"sku": "LAMP", "kind": "issue", "quantity": 2, "location": "SHOP", "reason": "till"}]}' till-1 2>/dev/null || true)
say 11:00 "refused: $(jq -r '"\(.code), \(.available) of \(.quantity) available"' <<<"$refused")"

# 12:00 order 8 is sent; the customer of order 9 has thought better of it.
post "/reservations/$first/fulfilment" '{}' order-8 >/dev/null
post "/reservations/$second/release" '{}' order-9 >/dev/null
say 12:00 "order 8 is sent, order 9 is free again"

# 15:00 sales at the fair, as the till has them.
post /movements '{"movements": [
    {"sku": "LAMP", "kind": "issue", "quantity": 3, "location": "VAN", "reason": "till", "reference": "Z-3"},
    {"sku": "BULB", "kind": "issue", "quantity": 25, "location": "VAN", "reason": "till", "reference": "Z-3"}
]}' fair >/dev/null
say 15:00 "sold at the fair"

# 18:00 the shelf is counted: one bulb is missing, and the ledger says so.
post /movements '{"movements": [
    {"sku": "BULB", "kind": "count", "quantity": 39, "location": "SHOP", "reason": "evening count"}]}' count >/dev/null
say 18:00 "counted"

# What lies where, what it is worth, and what is to be ordered.
echo
ask '/stocks?format=csv'
echo
ask '/reports/valuation' | jq -r '"worth \(.value)"'
ask '/reports/reorder?reorder_to=25' | jq -r '.data[] | "order \(.to_order) of \(.sku): \(.available) available"'
