"""What Sentry's own parts make of envelopes. An envelope on stdin; on stdout a list of its items as sentry_sdk parses them, each with
what Relay's normaliser has against it."""

import json
import sys

from sentry_relay.processing import StoreNormalizer
from sentry_sdk.envelope import Envelope


def complaints(kind, payload):
    if kind not in ("event", "transaction"):
        return []
    said = StoreNormalizer().normalize_event(dict(payload))
    return said.get("errors", [])


def main():
    envelope = Envelope.deserialize(sys.stdin.buffer.read())
    items = []
    for item in envelope.items:
        payload = item.payload.json
        if payload is None and item.type != "attachment":
            payload = json.loads(item.get_bytes())
        items.append(
            {
                "type": item.type,
                "headers": dict(item.headers),
                "payload": payload,
                "complaints": complaints(item.type, payload),
            }
        )
    json.dump({"headers": dict(envelope.headers), "items": items}, sys.stdout)


main()
