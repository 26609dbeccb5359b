// The smallest check worth writing in JavaScript: counts its own runs in the host's state.

import { name } from 'bellwether:plugin/context@0.1.0';
import { emit } from 'bellwether:plugin/log@0.1.0';
import { get, set } from 'bellwether:plugin/state@0.1.0';

const schema = {
  type: 'object',
  properties: { greeting: { type: 'string' } },
  additionalProperties: false,
};

export const identity = {
  describe() {
    return {
      name: 'javascript',
      version: '0.1.0',
      summary: 'Counts its own runs',
      settingsSchema: JSON.stringify(schema),
      metrics: [{ name: 'javascript_runs', kind: 'gauge', help: 'Runs so far', unit: '', labelNames: ['greeting'] }],
      codes: [],
      connections: [],
      details: [],
    };
  },
};

export const check = {
  run(settings) {
    const greeting = JSON.parse(settings).greeting ?? 'hello';
    const before = get('runs');
    const runs = (before ? Number(new TextDecoder().decode(before)) : 0) + 1;
    set('runs', new TextEncoder().encode(String(runs)));
    emit('info', `${name()} ran`, [['runs', String(runs)]]);
    console.log('said on stdout');
    const samples = [{ labelValues: [greeting], value: runs }];
    return {
      verdicts: [{ target: '', status: 'ok', code: '', summary: `${greeting}, run ${runs}`, latencyNs: undefined, details: [] }],
      families: [
        {
          name: 'javascript_runs',
          help: 'Runs so far',
          unit: '',
          labelNames: ['greeting'],
          points: { tag: 'gauge', val: samples },
        },
      ],
    };
  },
};
