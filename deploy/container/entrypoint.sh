#!/bin/sh
# A secret may come as a file: SECRET_KEY_FILE=/run/secrets/secret_key stands for SECRET_KEY.
set -eu
for name in SECRET_KEY SECRET_KEY_FALLBACKS ADMIN_PASSWORD DATABASE_URL PGPASSWORD RATE_LIMIT_STORAGE_URL; do
    eval "file=\${${name}_FILE:-}"
    if [ -n "$file" ]; then
        value=$(cat "$file")
        export "$name=$value"
    fi
done
exec "$@"
