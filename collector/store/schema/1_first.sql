-- The store's schema, version 1 (PRAGMA user_version). docs/formats.md describes it for readers.
--
-- Wall-clock times are nanoseconds since the Unix epoch, durations nanoseconds. NULL is "not known",
-- never zero. What repeats (names, stacks) is stored once and referred to by id. Foreign keys stand
-- where rows are few; request and sample leave them out, as each would cost a lookup a row.
--
-- A version is never edited once released: a change is a migration of its own, the next number.

-- Ids handed out in ranges, so that several writers never collide and no id is used twice.
CREATE TABLE sequence(
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sequence(name, next) VALUES ('request', 1);

CREATE TABLE host(
  id INTEGER PRIMARY KEY,
  machine_id TEXT NOT NULL UNIQUE
) STRICT;

-- One life of a process. AUTOINCREMENT: rows elsewhere outlive it, so its id must not come back.
CREATE TABLE process(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  host_id INTEGER NOT NULL REFERENCES host(id),
  boot_id TEXT NOT NULL,
  pid INTEGER NOT NULL,
  start_ticks INTEGER NOT NULL,
  parent_pid INTEGER NOT NULL,
  mode TEXT NOT NULL,
  exe TEXT NOT NULL,
  comm TEXT NOT NULL,
  cwd TEXT NOT NULL,
  argv TEXT NOT NULL,
  uid INTEGER NOT NULL,
  start_wall_ns INTEGER NOT NULL,
  seen_wall_ns INTEGER NOT NULL,
  end_wall_ns INTEGER,
  exit_status INTEGER,
  UNIQUE(host_id, boot_id, pid, start_ticks)
) STRICT;

-- /proc figures of a process at one moment.
CREATE TABLE process_status(
  id INTEGER PRIMARY KEY,
  process_id INTEGER NOT NULL REFERENCES process(id) ON DELETE CASCADE,
  wall_ns INTEGER NOT NULL,
  rss_bytes INTEGER NOT NULL,
  peak_rss_bytes INTEGER NOT NULL,
  virtual_bytes INTEGER NOT NULL,
  user_cpu_ns INTEGER NOT NULL,
  system_cpu_ns INTEGER NOT NULL,
  read_bytes INTEGER NOT NULL,
  written_bytes INTEGER NOT NULL,
  threads INTEGER NOT NULL,
  open_fds INTEGER NOT NULL
) STRICT;
CREATE INDEX process_status_by_process ON process_status(process_id, wall_ns);

CREATE TABLE site(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE route(
  id INTEGER PRIMARY KEY,
  site_id INTEGER NOT NULL REFERENCES site(id),
  name TEXT NOT NULL,
  UNIQUE(site_id, name)
) STRICT;

-- Methods and protocols.
CREATE TABLE word(
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE request(
  id INTEGER PRIMARY KEY,  -- from the sequence
  process_id INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  tid INTEGER NOT NULL,
  route_id INTEGER NOT NULL,
  method_id INTEGER NOT NULL,
  protocol_id INTEGER NOT NULL,
  target TEXT NOT NULL,
  status INTEGER NOT NULL,   -- 0: none seen
  outcome INTEGER NOT NULL,  -- enum Outcome
  start_wall_ns INTEGER NOT NULL,
  latency_ns INTEGER NOT NULL,
  queue_ns INTEGER,
  first_byte_ns INTEGER,
  on_cpu_ns INTEGER,
  blocked_ns INTEGER,
  runqueue_ns INTEGER,
  waiting_ns INTEGER,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  profiled INTEGER NOT NULL,
  stats_file TEXT NOT NULL,
  weight REAL NOT NULL
) STRICT;
CREATE INDEX request_by_start ON request(start_wall_ns);

-- Stacks as a trie: a row is the stack of its parent row with one more frame. parent_id 0: none.
CREATE TABLE file(
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE function(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  file_id INTEGER NOT NULL REFERENCES file(id),    -- source file
  module_id INTEGER NOT NULL REFERENCES file(id),  -- ELF file
  line INTEGER NOT NULL,                           -- where the function begins
  UNIQUE(name, file_id, module_id, line)
) STRICT;
CREATE TABLE frame(
  id INTEGER PRIMARY KEY,
  function_id INTEGER NOT NULL REFERENCES function(id),
  line INTEGER NOT NULL,
  inlined INTEGER NOT NULL,
  UNIQUE(function_id, line, inlined)
) STRICT;
CREATE TABLE stack(
  id INTEGER PRIMARY KEY,
  parent_id INTEGER NOT NULL,
  frame_id INTEGER NOT NULL REFERENCES frame(id),
  UNIQUE(parent_id, frame_id)
) STRICT;

CREATE TABLE sample(
  id INTEGER PRIMARY KEY,
  wall_ns INTEGER NOT NULL,
  process_id INTEGER NOT NULL,
  tid INTEGER NOT NULL,
  stack_id INTEGER NOT NULL,  -- 0: the empty stack
  request_id INTEGER,
  route_id INTEGER,
  kind INTEGER NOT NULL,  -- enum pinfo_sample_kind
  weight INTEGER NOT NULL,
  duration_ns INTEGER NOT NULL,
  stack_end INTEGER NOT NULL  -- enum StackEnd
) STRICT;
CREATE INDEX sample_by_request ON sample(request_id) WHERE request_id IS NOT NULL;
CREATE INDEX sample_by_route ON sample(route_id) WHERE route_id IS NOT NULL;

-- Exact counts of everything, whether or not its row is kept.
CREATE TABLE minute(
  id INTEGER PRIMARY KEY,
  minute INTEGER NOT NULL,  -- minutes since the Unix epoch
  route_id INTEGER NOT NULL REFERENCES route(id),
  method_id INTEGER NOT NULL REFERENCES word(id),
  status INTEGER NOT NULL,
  count INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  latency_sum_ns INTEGER NOT NULL,
  latency_min_ns INTEGER,  -- NULL: no latency among them
  latency_max_ns INTEGER,
  timed INTEGER NOT NULL,  -- requests behind on_cpu_sum_ns
  on_cpu_sum_ns INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  UNIQUE(minute, route_id, method_id, status)
) STRICT;
-- Latency histogram: buckets of collector/base/histogram.h.
CREATE TABLE minute_bucket(
  minute_id INTEGER NOT NULL REFERENCES minute(id) ON DELETE CASCADE,
  bucket INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY(minute_id, bucket)
) STRICT, WITHOUT ROWID;

-- One run of attach, run, collect or replay.
CREATE TABLE session(
  id INTEGER PRIMARY KEY,
  mode TEXT NOT NULL,
  command TEXT NOT NULL,
  start_wall_ns INTEGER NOT NULL,
  end_wall_ns INTEGER,
  requests_seen INTEGER NOT NULL,
  rows_thinned INTEGER NOT NULL,
  samples_seen INTEGER NOT NULL,
  samples_attributed INTEGER NOT NULL,
  own_cpu_ns INTEGER NOT NULL,
  own_peak_rss_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE session_loss(
  session_id INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
  kind INTEGER NOT NULL,  -- enum pinfo_loss_kind
  count INTEGER NOT NULL,
  PRIMARY KEY(session_id, kind)
) STRICT, WITHOUT ROWID;
