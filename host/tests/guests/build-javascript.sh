#!/bin/sh
# Builds the JavaScript guest into OUT/javascript.wasm; OUT is the first argument, else target/guests of the workspace.
# Needs node 20 or newer with npm, and the npm registry the first time. Does nothing when the component is up to date.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=${1:-$root/target/guests}
wit=$root/plugin-sdk/wit
mkdir -p "$out"

if [ -f "$out/javascript.wasm" ] &&
    [ -z "$(find "$here/javascript" "$wit" "$0" -type f -not -path "*/__pycache__/*" -newer "$out/javascript.wasm")" ]; then
    exit 0
fi

modules=$out/javascript-modules
if ! cmp -s "$here/javascript/package.json" "$modules/package.json"; then
    echo "installing componentize-js into $modules" >&2
    rm -rf "$modules" "$modules.new"
    mkdir -p "$modules.new"
    cp "$here/javascript/package.json" "$modules.new"
    npm install --prefix "$modules.new" --no-package-lock --no-audit --no-fund --loglevel=error >&2
    mv "$modules.new" "$modules"
fi

echo "building $out/javascript.wasm" >&2
# Without `http`, the engine imports no network at all.
node "$modules/node_modules/@bytecodealliance/componentize-js/src/cli.js" "$here/javascript/check.js" \
    --wit "$wit" --world-name check-plugin --disable http fetch-event --out "$out/javascript.wasm.new"
mv "$out/javascript.wasm.new" "$out/javascript.wasm"
