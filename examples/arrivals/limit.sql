-- Keep :limit arrivals: the first three of every kind of header, three
-- quarters in order of arrival (that is where the corrections and the oddities
-- are dense), the rest spread over all others.

delete from arrivals.arrival
where seq not in (
    select seq
    from (select seq,
                 row_number() over (order by seq) as nth,
                 row_number() over (partition by dataset,
                                                 split_part(body, E'\n', 1)
                                    order by seq) as nth_of_header,
                 -- scatters the numbers, always in the same way
                 seq::bigint * 2654435761 % 4294967296 as spread
          from arrivals.arrival) a
    order by (nth_of_header <= 3) desc, (nth <= :limit * 3 / 4) desc, spread
    limit :limit);
