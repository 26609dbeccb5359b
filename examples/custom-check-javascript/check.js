// Counts down to dates that must not pass unnoticed: a certificate, a contract, a domain, an API that is switched off.

import { scheduledAtNs } from 'bellwether:plugin/context@0.1.0';

const DAY = 86_400;
const METRIC = {
  name: 'deadline_remaining_seconds',
  help: 'Time until the day begins; negative once it has.',
  unit: 'seconds',
  labelNames: ['deadline'],
};
const SCHEMA = {
  type: 'object',
  required: ['deadlines'],
  additionalProperties: false,
  properties: {
    deadlines: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'date'],
        additionalProperties: false,
        properties: {
          name: { type: 'string' },
          date: { type: 'string' },
          warn_days: { type: 'integer', minimum: 0, default: 14 },
        },
      },
    },
  },
};

export const identity = {
  describe() {
    return {
      name: 'custom-check-javascript',
      version: '0.1.0',
      summary: 'Counts down to dates that must not pass unnoticed',
      settingsSchema: JSON.stringify(SCHEMA),
      metrics: [{ ...METRIC, kind: 'gauge' }],
      codes: [
        { code: 'near', meaning: 'The day is near: renew, move or cancel.' },
        { code: 'passed', meaning: 'The day has begun.' },
      ],
      connections: [],
      details: [],
    };
  },
};

export const check = {
  run(settings) {
    const now = Number(scheduledAtNs() / 1_000_000_000n);
    const verdicts = [];
    const samples = [];
    for (const { name, date, warn_days = 14 } of JSON.parse(settings).deadlines) {
      const left = unixDay(date) - now;
      samples.push({ labelValues: [name], value: left });
      verdicts.push({ target: name, ...judge(date, left, warn_days), latencyNs: undefined, details: [] });
    }
    return { verdicts, families: [{ ...METRIC, points: { tag: 'gauge', val: samples } }] };
  },
};

/** Seconds from 1970-01-01 to the beginning of a day such as `2027-03-31`. */
function unixDay(date) {
  const at = new Date(`${date}T00:00:00Z`);
  // An impossible day of a month is taken for one of the next month: the text must come out as it went in.
  if (Number.isNaN(at.valueOf()) || at.toISOString().slice(0, 10) !== date) {
    throw { kind: 'settings', code: '', message: `\`${date}\` is not a date`, retryable: false };
  }
  return at.valueOf() / 1000;
}

function judge(date, left, warnDays) {
  const days = Math.floor(left / DAY);
  if (left <= 0) {
    return { status: 'critical', code: 'passed', summary: `was due on ${date}` };
  }
  if (days < warnDays) {
    return { status: 'warning', code: 'near', summary: `${days} days left, until ${date}` };
  }
  return { status: 'ok', code: '', summary: `${days} days left` };
}
