#!/bin/sh
# Builds the Python guest into OUT/python.wasm; OUT is the first argument, else target/guests of the workspace.
# Needs python3 (3.10 or newer) with venv, and PyPI the first time. Does nothing when the component is up to date.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=${1:-$root/target/guests}
wit=$root/plugin-sdk/wit
mkdir -p "$out"

if [ -f "$out/python.wasm" ] && [ -z "$(find "$here/python" "$wit" "$0" -type f -not -path "*/__pycache__/*" -newer "$out/python.wasm")" ]; then
    exit 0
fi

venv=$out/python-venv
if ! cmp -s "$here/python/requirements.txt" "$venv/requirements.txt"; then
    echo "installing componentize-py into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/python/requirements.txt"
    cp "$here/python/requirements.txt" "$venv/requirements.txt"
fi

echo "building $out/python.wasm" >&2
"$venv/bin/componentize-py" --quiet --wit-path "$wit" --world bellwether:plugin/check-plugin \
    componentize --python-path "$here/python" app --output "$out/python.wasm.new"
mv "$out/python.wasm.new" "$out/python.wasm"
