-- PgQ: a queue, events with a tick after each 500 (its default), and a consumer
-- of the cheapest kind, inside the server.
SELECT pgq.create_queue('bench') AS queue, pgq.register_consumer('bench', 'bench') AS consumer,
    pgq.set_queue_config('bench', 'ticker_max_count', '1') AS config \gset

CREATE PROCEDURE fill(events integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. events LOOP
        PERFORM pgq.insert_event('bench', 'noop', '{}');
        IF n % 500 = 0 OR n = events THEN
            COMMIT;
            PERFORM pgq.ticker('bench');
            COMMIT;
        END IF;
    END LOOP;
END
$$;

-- Each batch is a transaction.
CREATE PROCEDURE consume(noop text, events integer) LANGUAGE plpgsql AS $$
DECLARE
    batch bigint;
    event bigint;
    seen integer := 0;
BEGIN
    LOOP
        batch := pgq.next_batch('bench', 'bench');
        EXIT WHEN batch IS NULL;
        FOR event IN SELECT ev_id FROM pgq.get_batch_events(batch) LOOP
            IF noop = 'sql' THEN
                EXECUTE 'SELECT 1';
            END IF;
            seen := seen + 1;
        END LOOP;
        PERFORM pgq.finish_batch(batch);
        COMMIT;
    END LOOP;
    IF seen <> events THEN
        RAISE EXCEPTION '% events instead of %', seen, events;
    END IF;
END
$$;
