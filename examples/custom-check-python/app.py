"""Counts down to dates that must not pass unnoticed: a certificate, a contract, a domain, an API that is switched off."""

import json
from datetime import date, datetime, time, timedelta, timezone

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import identity
from wit_world.imports import context, report

METRIC = "deadline_remaining_seconds"
HELP = "Time until the day begins; negative once it has."
CODES = {"near": "The day is near: renew, move or cancel.", "passed": "The day has begun."}
SCHEMA = {
    "type": "object",
    "required": ["deadlines"],
    "additionalProperties": False,
    "properties": {
        "deadlines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "date"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "date": {"type": "string"},
                    "warn_days": {"type": "integer", "minimum": 0, "default": 14},
                },
            },
        }
    },
}


class Identity(exports.Identity):
    def describe(self) -> identity.Description:
        return identity.Description(
            name="custom-check-python",
            version="0.1.0",
            summary="Counts down to dates that must not pass unnoticed",
            settings_schema=json.dumps(SCHEMA),
            metrics=[identity.MetricDescription(METRIC, "gauge", HELP, "seconds", ["deadline"])],
            codes=[identity.CodeDescription(code, meaning) for code, meaning in CODES.items()],
            connections=[],
            details=[],
        )


class Check(exports.Check):
    def run(self, settings: str) -> report.Report:
        now = datetime.fromtimestamp(context.scheduled_at_ns() / 1e9, timezone.utc)
        verdicts, samples = [], []
        for deadline in json.loads(settings)["deadlines"]:
            name, left = deadline["name"], day(deadline["date"]) - now
            samples.append(report.Sample([name], left.total_seconds()))
            verdicts.append(judge(name, deadline["date"], left, deadline.get("warn_days", 14)))
        family = report.MetricFamily(METRIC, HELP, "seconds", ["deadline"], report.Points_Gauge(samples))
        return report.Report(verdicts, [family])


def day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), timezone.utc)
    except ValueError:
        raise Err(report.Failure(report.FailureKind.SETTINGS, "", f"`{text}` is not a date", False))


def judge(name: str, due: str, left: timedelta, warn_days: int) -> report.Verdict:
    if left <= timedelta():
        status, code, summary = report.Status.CRITICAL, "passed", f"was due on {due}"
    elif left.days < warn_days:
        status, code, summary = report.Status.WARNING, "near", f"{left.days} days left, until {due}"
    else:
        status, code, summary = report.Status.OK, "", f"{left.days} days left"
    return report.Verdict(name, status, code, summary, None, [])
