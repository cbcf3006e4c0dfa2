"""The paths below which the API answers."""

API = "/api/"
V1 = f"{API}v1"
# The page for people, to which a sign-in at the OpenID provider returns.
PAGE = "/app/"
# The paths that take files, which may be larger than other bodies.
ITEM_IMPORT = f"{V1}/items/import"
MOVEMENT_IMPORT = f"{V1}/movements/import"
IMPORTS = (ITEM_IMPORT, MOVEMENT_IMPORT)
