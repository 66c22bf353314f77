-- The plainest queue there is: a table, and rows that are locked and deleted.
CREATE TABLE job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command text NOT NULL,
    enqueued_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO job (command) SELECT 'SELECT 1' FROM generate_series(1, :jobs);

-- for the start latency: a queue whose worker is woken by NOTIFY
CREATE TABLE done (
    id bigint PRIMARY KEY,
    started_at timestamptz NOT NULL
);
CREATE FUNCTION add_job() RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_notify('job', '');
    INSERT INTO job (command) VALUES ('SELECT 1') RETURNING id;
$$;
