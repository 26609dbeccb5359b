"""Reads an exposition on standard input with one of prometheus_client's parsers and prints it as JSON."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

PARSERS = {"openmetrics": openmetrics, "text": text}


def main() -> None:
    # Bytes, or Python would take carriage returns for line ends.
    exposition = sys.stdin.buffer.read().decode()
    families = [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "unit": family.unit,
            # Numbers as text: JSON has no NaN. `repr` is exact.
            "samples": [[sample.name, sample.labels, repr(float(sample.value))] for sample in family.samples],
        }
        for family in PARSERS[sys.argv[1]](exposition)
    ]
    json.dump(families, sys.stdout)


main()
