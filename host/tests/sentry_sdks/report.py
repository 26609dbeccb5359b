"""A service with Sentry's SDK for Python, as its documentation has it: one request that is slow, one that crashes.

Flows in: a DSN and a release, as arguments, and how often it crashes. Flows out: what the SDK sends; nothing on stdout."""

import sys

import sentry_sdk

# Not in one piece: the SDK sends lines of the program along.
CANARY = "-".join(["canary", "of", "the", "python", "service"])


def reserve(shop, attempt):
    raise KeyError(f"no slot {attempt} in shop {shop} for jane.doe@example.com")


def main():
    dsn, release, crashes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    sentry_sdk.init(
        dsn=dsn,
        release=release,
        environment="production",
        traces_sample_rate=1.0,
        send_default_pii=True,
    )
    sentry_sdk.set_user({"id": "42", "email": "jane.doe@example.com"})
    sentry_sdk.set_tag("shop.filter", "open")
    sentry_sdk.set_context("reservation", {"reservation_id": "r-1", "error_stage": "processing", "password": CANARY})
    with sentry_sdk.start_transaction(op="http.server", name="GET /shops"):
        with sentry_sdk.start_span(op="db", name="SELECT shops"):
            pass
    for attempt in range(crashes):
        try:
            reserve(7, attempt)
        except KeyError as error:
            sentry_sdk.capture_exception(error)
    sentry_sdk.flush(20)


main()
