#!/usr/bin/env bash
# Lint docs/openapi.json with Redocly and Spectral, installed by npm into the folder that is the first argument.
# Without npm, or where it can't install them, nothing is checked, and one line says so.
set -euo pipefail
cd "$(dirname "$0")/../../../.."
rules=tests/api/openapi/lint
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

if ! command -v npm >/dev/null; then
    echo "skipped: there is no npm here"
    exit 0
fi
mkdir -p "$1"
cp "$rules/package.json" "$1"
if ! (cd "$1" && timeout 300 npm install --no-audit --no-fund --loglevel=error >npm.log 2>&1); then
    echo "skipped: npm can't install the linters here: $(tail -1 "$1/npm.log")"
    exit 0
fi
"$1/node_modules/.bin/redocly" lint --config "$rules/redocly.yaml" docs/openapi.json
"$1/node_modules/.bin/spectral" lint --ruleset "$rules/spectral.yaml" --fail-severity warn docs/openapi.json
