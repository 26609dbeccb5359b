"""The smallest check worth writing in Python: counts its own runs in the host's state."""

import json
import sys

from wit_world import exports
from wit_world.exports import identity
from wit_world.imports import context, log, report, state

SCHEMA = {
    "type": "object",
    "properties": {"greeting": {"type": "string"}},
    "additionalProperties": False,
}


class Identity(exports.Identity):
    def describe(self) -> identity.Description:
        return identity.Description(
            name="python",
            version="0.1.0",
            summary="Counts its own runs",
            settings_schema=json.dumps(SCHEMA),
            metrics=[identity.MetricDescription("python_runs", "gauge", "Runs so far", "", ["greeting"])],
            codes=[],
            connections=[],
            details=[],
        )


class Check(exports.Check):
    def run(self, settings: str) -> report.Report:
        greeting = json.loads(settings).get("greeting", "hello")
        runs = int(state.get("runs") or b"0") + 1
        state.set("runs", str(runs).encode())
        log.emit(log.Level.INFO, f"{context.name()} ran", [("runs", str(runs))])
        print("said on stdout", file=sys.stdout)
        verdict = report.Verdict("", report.Status.OK, "", f"{greeting}, run {runs}", None, [])
        family = report.MetricFamily(
            "python_runs", "Runs so far", "", ["greeting"], report.Points_Gauge([report.Sample([greeting], float(runs))])
        )
        return report.Report([verdict], [family])
