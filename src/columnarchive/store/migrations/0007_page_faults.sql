-- Bodies that could not be read, compared or searched for links under a version of the rules: they are not tried again
-- under the same version. `step` is read, compare or links; `reason` one line.
create table page_faults (
    body_sha256 text not null,
    step text not null,
    rules text not null,
    reason text not null,
    found_at text not null,
    primary key (body_sha256, step)
) without rowid;
