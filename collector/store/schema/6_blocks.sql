-- Rows of `request` that are not settled yet, packed many to a blob
-- (request_blocks.h has the format). They become rows of `request` when there is time.
CREATE TABLE request_block(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  first_id INTEGER NOT NULL,       -- of the first request in it
  start_wall_ns INTEGER NOT NULL,  -- when that began
  rows BLOB NOT NULL
) STRICT;
