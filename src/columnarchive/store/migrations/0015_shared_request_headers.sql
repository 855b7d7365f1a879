-- The request header lines that all visits to a host have in common are stored once: those before the first conditional
-- one (If-None-Match, If-Modified-Since). `request_headers` of a capture has the lines that follow; a capture without
-- `shared_headers_id` has them all. The view joins the two.
create table shared_headers (
    id integer primary key,
    lines text not null unique
);
alter table captures add column shared_headers_id integer references shared_headers(id);
create view sent_headers as
select captures.id as capture_id,
       case when shared_headers_id is null then request_headers
            when request_headers = '[]' then lines
            else substr(lines, 1, length(lines) - 1) || ',' || substr(request_headers, 2) end as lines
from captures left join shared_headers on shared_headers.id = shared_headers_id;
