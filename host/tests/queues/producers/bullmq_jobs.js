// BullMQ: six waiting, two of them by priority, and one delayed; in another queue one running, two failed, one done; a third
// one is paused; in two more the oldest job is not the next one, by priority and by `lifo`. A worker takes a queue of the same
// name as the first one in another database.

const { Queue, Worker } = require('bullmq');

const connection = { host: '127.0.0.1', port: Number(process.argv[2]) };

async function until(what, condition) {
  const deadline = Date.now() + 60000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

async function work(job) {
  if (job.name === 'boom') throw new Error('on purpose');
  if (job.name === 'slow') await new Promise((done) => setTimeout(done, 600000));
}

async function main() {
  const names = ['mail', 'busy', 'still', 'ranks', 'stack'];
  const [mail, busy, still, ranks, stack] = names.map((name) => new Queue(name, { connection }));
  const longAgo = Date.now() - 60000;
  const low = await ranks.add('work', {}, { priority: 10, timestamp: longAgo });
  const bottom = await stack.add('work', {}, { timestamp: longAgo });
  const first = await mail.add('work', {});
  for (let n = 0; n < 3; n++) await mail.add('work', {});
  for (let n = 0; n < 2; n++) await mail.add('work', {}, { priority: 5 });
  await mail.add('work', {}, { delay: 3600000 });
  for (const name of ['boom', 'boom', 'quick', 'slow']) await busy.add(name, {});
  await still.add('work', {});
  await still.pause();
  await still.add('work', {});
  await ranks.add('work', {}, { priority: 1 });
  await stack.add('work', {}, { lifo: true });
  const elsewhere = new Worker('mail', work, { connection: { ...connection, db: 1 } });
  elsewhere.on('error', () => {});
  // BullMQ itself looks for names alone, whichever database.
  await until('the worker of another database has its name', async () => (await mail.getWorkers()).length > 0);
  const worker = new Worker('busy', work, { connection, metrics: { maxDataPoints: 60 } });
  const counts = () => busy.getJobCounts('active', 'failed', 'completed');
  await until('the last one runs', async () => {
    const { active, failed, completed } = await counts();
    return active === 1 && failed === 2 && completed === 1;
  });
  const [running] = await busy.getActive();
  const depth = (queue, state, jobs) => ({ queue, state, jobs });
  console.log(JSON.stringify({
    depths: [
      depth('mail', 'waiting', 6), depth('mail', 'delayed', 1), depth('mail', 'active', 0),
      depth('busy', 'waiting', 0), depth('busy', 'active', 1), depth('busy', 'failed', 2), depth('busy', 'completed', 1),
      depth('still', 'waiting', 2), depth('ranks', 'waiting', 2), depth('stack', 'waiting', 2),
    ],
    oldest: {
      mail: first.timestamp / 1000, ranks: low.timestamp / 1000, stack: bottom.timestamp / 1000,
    },
    in_flight: { busy: running.processedOn / 1000 },
    workers: { mail: 0, busy: 1 },
    totals: { busy: 3 },
  }));
  process.stdin.on('data', () => {}).on('end', () => process.exit(0));
  worker.on('error', () => {});
}

main().catch((error) => { console.error(error); process.exit(1); });
