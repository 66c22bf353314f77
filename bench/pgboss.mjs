// pg-boss, for comparison.
//
//   pgboss.mjs fill N [KEYS]        its schema, and N jobs; with KEYS of so many
//                                   keys, of each of which one is active at a time
//   pgboss.mjs drain N NOOP         fetched and completed by the hundred;
//                                   prints jobs/s and CPU us per job
//   pgboss.mjs serve N              prints id and start (ms) of each job
//   pgboss.mjs call N               prints id and call (ms), one at a time
//
// NOOP is sql (each job executes one), own (nothing is done) or hot (each job
// updates the same row).
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import pg from 'pg';

const [verb, count, third] = process.argv.slice(2);
const wanted = Number(count);
const noop = verb === 'drain' && third ? third : 'sql';
const keys = verb === 'fill' && third ? Number(third) : 0;
const batch = 100;
const loops = 4;
const pool = new pg.Pool({ max: 16, idleTimeoutMillis: 0 });
const boss = new PgBoss({
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
  max: 8,
  supervise: false,
  schedule: false,
  useListenNotify: verb === 'serve' || verb === 'call',
});
const now = () => performance.timeOrigin + performance.now();
const text = noop === 'hot' ? 'UPDATE hot SET n = n + 1' : 'SELECT 1';
const doNothing = noop === 'own'
  ? async () => {}
  : () => pool.query({ name: 'noop', text });

async function fillQueue(name, n) {
  await boss.createQueue(name, keys > 0 ? { policy: 'singleton' } : {});
  for (let done = 0; done < n; done += 5000) {
    const some = Math.min(5000, n - done);
    await boss.insert(name, Array.from({ length: some }, (_, i) => (
      { data: {}, ...(keys > 0 ? { singletonKey: `key ${i % keys}` } : {}) })));
  }
}

async function fill() {
  await fillQueue('warm', 500);
  await fillQueue('noop', wanted);
}

// Jobs that are fetched or completed together are updated in any order, and their
// keys entered: what ends in a deadlock is done again.
async function again(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.code !== '40P01') throw error;
    }
  }
}

async function drainQueue(name, n) {
  let jobs = 0;
  const loop = async () => {
    while (jobs < n) {
      // there may be none that could start now
      const some = await again(() => boss.fetch(name, { batchSize: batch }));
      if (some.length === 0) continue;
      await Promise.all(some.map(doNothing));
      await again(() => boss.complete(name, some.map((job) => job.id)));
      jobs += some.length;
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  return jobs;
}

async function drain() {
  await drainQueue('warm', 500);
  const cpu = process.cpuUsage();
  const begun = now();
  const jobs = await drainQueue('noop', wanted);
  const seconds = (now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  if (jobs !== wanted) throw new Error(`${jobs} jobs instead of ${wanted}`);
  console.log(Math.round(jobs / seconds), ((used.user + used.system) / jobs).toFixed(1));
}

async function serve() {
  const lines = [];
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  await boss.createQueue('noop', { notify: true });
  await boss.work('noop', { pollingIntervalSeconds: 10 }, async ([job]) => {
    lines.push(`${job.data.id}\t${now()}`);
    await doNothing();
    if (lines.length === wanted) done();
  });
  // the listener has no event of its own; the first jobs are left out anyway
  await sleep(1000);
  console.error('ready');
  await all;
  console.log(lines.join('\n'));
}

async function call() {
  for (let id = 1; id <= wanted; id++) {
    const at = now();
    await boss.send('noop', { id });
    console.log(`${id}\t${at}`);
    await sleep(20);
  }
}

await boss.start();
await { fill, drain, serve, call }[verb]();
await boss.stop({ graceful: false });
await pool.end();
