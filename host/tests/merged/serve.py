"""Serves one family of every type that prometheus_client knows, on the loopback port given: `/metrics` in the format that is
asked for, `/text` in the older one. Values never change from one scrape to the next."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, StateSetMetricFamily, SummaryMetricFamily, UnknownMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder

NASTY = ["", " both ends ", 'say "hello"', "C:\\new\\table\\", "two\nlines\n", 'a="b"} 1', "# EOF", "grün 温度 🔔"]

REGISTRY = CollectorRegistry()


class Others:
    """What no instrument of the library makes, but exporters do."""

    def collect(self):
        sizes = GaugeHistogramMetricFamily("shop_carts", "Carts by size.", labels=["shop"])
        sizes.add_metric(["north"], [("1.0", 3), ("10.0", 8), ("+Inf", 9)], 41.5)
        yield sizes
        yield UnknownMetricFamily("shop_mystery", "Nobody knows.", value=-7.25)
        features = StateSetMetricFamily("shop_features", "Several at once.", labels=["shop"])
        features.add_metric(["north"], {"wallet": True, "gifts": True, "loyalty": False})
        yield features
        waits = SummaryMetricFamily("shop_waits_seconds", "With quantiles.", labels=["queue"])
        waits.add_metric(["mail"], count_value=12, sum_value=3.75)
        for quantile, value in (("0.5", 0.25), ("0.99", float("nan")), ("1.0", 1.5)):
            waits.add_sample("shop_waits_seconds", {"queue": "mail", "quantile": quantile}, value)
        yield waits


def fill() -> None:
    """Two exemplars in all, and numbers that try the parser."""
    orders = Counter("shop_orders", 'Orders, "all" of\nthem \\ ever.', ["path"], registry=REGISTRY)
    for number, path in enumerate(NASTY):
        orders.labels(path).inc(number + 0.125)
    orders.labels("large").inc(2.0**53, exemplar={"trace": "abc"})
    level = Gauge("shop_level_celsius", "Any number.", ["of"], unit="celsius", registry=REGISTRY)
    numbers = {"inf": float("inf"), "less": float("-inf"), "nan": float("nan"), "tiny": 5e-324, "zero": 0.0, "pi": 3.141592653589793}
    for name, value in numbers.items():
        level.labels(name).set(value)
    seconds = Histogram("shop_seconds", "A histogram.", ["route"], unit="seconds", buckets=(0.005, 1, 2.5), registry=REGISTRY)
    for value in (0.001, 0.7, 2, 100):
        seconds.labels("/").observe(value)
    seconds.labels("/pay").observe(0.002, exemplar={"trace": "def"})
    Summary("shop_sums", "Without quantiles.", registry=REGISTRY).observe(4.5)
    Info("shop_build", "What runs.", registry=REGISTRY).info({"version": "1.2.3", "note": 'a "b"\n\\'})
    Enum("shop_state", "One of them.", states=["open", "closed"], registry=REGISTRY).state("closed")
    REGISTRY.register(Others())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        encode, kind = choose_encoder(self.headers.get("Accept", ""))
        if self.path == "/text":
            encode, kind = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        body = encode(REGISTRY)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: nobody reads it."""


def main() -> None:
    fill()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print("listening", flush=True)
    server.serve_forever()


main()
