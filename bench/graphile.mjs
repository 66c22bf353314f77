// graphile-worker, for comparison.
//
//   graphile.mjs migrate                   its schema
//   graphile.mjs drain N HOW NOOP          jobs that are there; prints jobs/s
//                                          and microseconds of CPU per job
//   graphile.mjs serve N                   prints id and start (ms) of each job
//   graphile.mjs series SECONDS            prints second and jobs done in it
//
// HOW is plain or local (the local queue, completions in batches), NOOP is sql
// (each job executes one), own (the handler does nothing) or hot (each job updates
// the same row).
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, run, runMigrations } from 'graphile-worker';
import pg from 'pg';

const [verb, count, how = 'plain', noop = 'sql'] = process.argv.slice(2);
const wanted = Number(count);
const concurrentJobs = how === 'local' ? 24 : 16;
const pgPool = new pg.Pool({ max: concurrentJobs + 4, idleTimeoutMillis: 0 });
const fail = (error) => { throw error; };
pgPool.on('error', fail);
pgPool.on('connect', (client) => client.on('error', fail));
const quiet = new Logger(() => () => {});
const batching = {
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
const preset = {
  worker: { concurrentJobs, logger: quiet, ...(how === 'local' ? batching : {}) },
};
const now = () => performance.timeOrigin + performance.now();

const start = (tasks) => run({ preset, pgPool, logger: quiet, noHandleSignals: true, taskList: tasks });
const text = noop === 'hot' ? 'UPDATE hot SET n = n + 1' : 'SELECT 1';
const doNothing = noop === 'own'
  ? async () => {}
  : (helpers) => helpers.withPgClient((client) => client.query({ name: 'noop', text }));

// Runs jobs of that name until so many have ended; their completion is in the
// database when this returns.
async function runJobs(name, n) {
  let left = n;
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  const runner = await start({
    [name]: async (_payload, helpers) => {
      await doNothing(helpers);
      if (--left === 0) done();
    },
  });
  await all;
  await runner.stop();
}

async function drain() {
  await runJobs('warm', 500);
  const cpu = process.cpuUsage();
  const begun = now();
  await runJobs('noop', wanted);
  const seconds = (now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  console.log(Math.round(wanted / seconds), ((used.user + used.system) / wanted).toFixed(1));
}

async function serve() {
  const lines = [];
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  const runner = await start({
    noop: async (payload, helpers) => {
      lines.push(`${payload.id}\t${now()}`);
      await doNothing(helpers);
      if (lines.length === wanted) done();
    },
  });
  console.error('ready');
  await all;
  await runner.stop();
  console.log(lines.join('\n'));
}

async function series() {
  let jobs = 0;
  const runner = await start({
    noop: async (_payload, helpers) => {
      await doNothing(helpers);
      jobs++;
    },
  });
  const begun = now();
  for (let second = 1; second <= wanted; second++) {
    const before = jobs;
    await sleep(Math.max(0, begun + second * 1000 - now()));
    console.log(`${second}\t${jobs - before}`);
  }
  await runner.stop();
}

const verbs = { migrate: () => runMigrations({ pgPool, logger: quiet }), drain, serve, series };
await verbs[verb]();
await pgPool.end();
