-- Retry budgets: of queues and of named resources, who waits for them, and what does not count.

\set VERBOSITY terse
\pset format unaligned
set client_min_messages = warning;
set statement_timeout = '60s';
\getenv here PG_ABS_SRCDIR
\i :here/sql/include/refused.sql
\i :here/sql/include/await.sql
create view budget_figures as
    select kind, name, ratio, budget_window, floor, first_attempts, retries, retries_left, waiting,
           next_retry > now() as told_when from weir.retry_budgets where name in ('rb', 'rb2', 'flaky', 'box:1') order by kind, name;
create function fail_always() returns void language plpgsql as $$
begin
    raise exception using errcode = '58030', message = 'not yet';
end $$;

-- A queue has one unless it says otherwise.
select weir.create_queue('rb', policy => '{"backoff_base": 0.001, "backoff_cap": 0.001, "max_attempts": 8}');
select * from budget_figures;
select weir.alter_queue('rb', policy => '{"backoff_base": 0.001, "backoff_cap": 0.001, "max_attempts": 8,
    "retry_budget": {"window": "1 hour", "floor": 2}}');

-- Each of 30 tasks wants seven retries; 3 are let through, and the others wait.
select first_id as first, last_id as last from weir.enqueue_many('select fail_always()', (select jsonb_agg('[]'::jsonb) from generate_series(1, 30)), queue => 'rb') \gset
call pg_temp.await($$select waiting = 30 and retries = 3 from weir.retry_budgets where name = 'rb'$$);
select * from budget_figures;
select count(*) as runs from weir.runs where task_id between :first and :last;
select distinct cause, holder, detail, eta > now() as told_when from weir.waiting where queue = 'rb';
select cause, holder, detail from weir.why_waiting(:first);
select ready, delayed, blocked, running from weir.queues where name = 'rb';

-- First attempts do not wait, and each ten of them let one more retry start.
select last_id as last2 from weir.enqueue_many('select 1', (select jsonb_agg('[]'::jsonb) from generate_series(1, 20)), queue => 'rb') \gset
call pg_temp.await($$select retries = 5 and waiting = 30 from weir.retry_budgets where name = 'rb'$$);
call pg_temp.await($$select count(*) = 20 from weir.tasks where queue = 'rb' and state = 'succeeded'$$);
select count(*) as succeeded from weir.tasks where queue = 'rb' and state = 'succeeded';

-- What waits can be cancelled, expedited tasks wait as well, and pausing comes first.
select weir.cancel(:first), weir.expedite(:first + 1, -10);
call pg_temp.await($$select waiting = 29 from weir.retry_budgets where name = 'rb'$$);
select weir.pause('rb', 'to see');
select cause from weir.why_waiting(:first + 1);
select weir.resume('rb');

-- One that was brought back by hand is no retry.
select weir.enqueue('select 1/0', queue => 'rb') as dead \gset
select outcome, final from weir.wait(:dead, '30s');
select weir.retry(:dead);
call pg_temp.await($$select state = 'discarded' and attempts = 3 from weir.tasks order by task_id desc limit 1$$);
select retries, waiting from budget_figures where name = 'rb';

-- Without a budget all go on, and become dead letters.
select weir.alter_queue('rb', policy => '{"backoff_base": 0.001, "backoff_cap": 0.001, "max_attempts": 8, "retry_budget": false}');
select weir.drain('rb', '30s');
select state, count(*), min(attempts) filter (where state = 'discarded') as attempts
from weir.tasks where task_id between :first and :last group by 1 order by 1;
select * from budget_figures;

-- A named resource has one for all queues, and each resource of a template its own.
select weir.create_queue('rb2', policy => '{"backoff_base": 0.001, "backoff_cap": 0.001, "max_attempts": 2, "retry_budget": false}');
select weir.cap_resource('flaky', slots => 8, retry_budget => '{"ratio": 0, "floor": 1, "window": "2 hours"}');
select weir.cap_resource('box:*', slots => 8, retry_budget => '{"ratio": 0.5, "floor": 1, "window": "1 hour"}');
select weir.enqueue('select fail_always()', queue => q, resources => '{flaky}') is not null as enqueued from unnest('{rb2,rb2,rb2}'::text[]) q;
call pg_temp.await($$select waiting = 2 and retries = 1 from weir.retry_budgets where name = 'flaky'$$);
select weir.enqueue('select fail_always()', queue => 'rb2', resources => '{box:1}') as box \gset
select outcome, attempt, final from weir.wait(:box, '30s');
call pg_temp.await($$select retries = 1 and first_attempts = 1 from weir.retry_budgets where name = 'box:1'$$);
select kind, name, ratio, budget_window, floor, first_attempts, retries, retries_left from budget_figures;
select distinct cause, holder from weir.waiting where 'resource flaky' = holder;
select retry_budget from weir.resources where resource in ('flaky', 'box:*', 'box:1') order by resource;
select detail from weir.events where kind = 'cap_resource' and detail ->> 'resource' = 'flaky';
select weir.cap_resource('flaky', slots => 8, retry_budget => 'false');
select weir.drain('rb2', '30s');

-- The next attempt after a snoozed one is no retry.
select weir.cap_resource('flaky', slots => 8, retry_budget => '{"ratio": 0, "floor": 1, "window": "1 hour"}');
select weir.enqueue($$do 'begin if (select count(*) from weir.runs where task_id = weir.current_task()) < 5 then perform weir.retry_after($q$flaky$q$, $q$1 ms$q$); end if; end'$$,
    queue => 'rb2', resources => '{flaky}') as snoozing \gset
select outcome, attempt from weir.wait(:snoozing, '30s');
call pg_temp.await($$select first_attempts = 1 from weir.retry_budgets where name = 'flaky'$$);
select first_attempts, retries from budget_figures where name = 'flaky';

-- What is refused.
\pset tuples_only on
select pg_temp.refused(format($$select weir.alter_queue('rb', policy => '{"retry_budget": %s}')$$, b)) from unnest(array[
    'true', '1', '"off"', '[]', '{"rate": 1}', '{"ratio": -1}', '{"ratio": "a"}', '{"ratio": 101}', '{"floor": 0}', '{"floor": 1.5}', '{"floor": null}',
    '{"window": 600}', '{"window": "0 s"}', '{"window": "soon"}', '{"window": "32 days"}']) b;
select pg_temp.refused($$select weir.enqueue('select 1', policy => '{"retry_budget": false}')$$);
select pg_temp.refused($$select weir.cap_resource('x', 1, retry_budget => '{"ratio": -1}')$$);
select pg_temp.refused($$select weir.cap_resource('x', 1, retry_budget => 'null')$$);
\pset tuples_only off

select weir.uncap_resource('flaky'), weir.uncap_resource('box:*');
select weir.drop_queue('rb'), weir.drop_queue('rb2');
drop view budget_figures;
drop function fail_always();
