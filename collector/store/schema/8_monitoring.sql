-- Own metrics, monitors and messages. Times are as everywhere: wall_ns. The configuration is not
-- kept here but for what views show, and no address and no secret ever is.

-- kind: enum MetricKind; chart: enum ChartKind. declared: 1 while the configuration has it.
CREATE TABLE metric(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  kind INTEGER NOT NULL,
  title TEXT NOT NULL,
  unit TEXT NOT NULL,
  group_name TEXT NOT NULL,
  position INTEGER NOT NULL,
  chart INTEGER NOT NULL,
  declared INTEGER NOT NULL
) STRICT;
-- tags: "key:value,key:value", sorted; '' where there are none.
CREATE TABLE metric_series(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  metric_id INTEGER NOT NULL REFERENCES metric(id) ON DELETE CASCADE,
  tags TEXT NOT NULL,
  last_wall_ns INTEGER NOT NULL,
  last_value REAL NOT NULL,
  UNIQUE(metric_id, tags)
) STRICT;
-- resolution in seconds: 60, 3600 or 86400; start_s: seconds since the Unix epoch, a multiple of it.
-- count: how many values were added (a sampled one stands for several), sum: what they add up to.
CREATE TABLE metric_point(
  series_id INTEGER NOT NULL REFERENCES metric_series(id) ON DELETE CASCADE,
  resolution INTEGER NOT NULL,
  start_s INTEGER NOT NULL,
  count REAL NOT NULL,
  sum REAL NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  last REAL NOT NULL,
  PRIMARY KEY(series_id, resolution, start_s)
) STRICT, WITHOUT ROWID;
-- Of timings, by minute: bucket of collector/base/histogram.h over millionths of the value.
CREATE TABLE metric_bucket(
  series_id INTEGER NOT NULL REFERENCES metric_series(id) ON DELETE CASCADE,
  start_s INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  count REAL NOT NULL,
  PRIMARY KEY(series_id, start_s, bucket)
) STRICT, WITHOUT ROWID;

-- level: enum Level. pending_*: a level that has not lasted long enough to count.
CREATE TABLE monitor(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  group_name TEXT NOT NULL,
  unit TEXT NOT NULL,
  level INTEGER NOT NULL,
  since_wall_ns INTEGER NOT NULL,
  checked_wall_ns INTEGER NOT NULL,
  value REAL,
  text TEXT NOT NULL,
  pending_level INTEGER NOT NULL,
  pending_since_wall_ns INTEGER NOT NULL,
  warning REAL,
  problem REAL,
  no_value INTEGER NOT NULL  -- 1: there was none, without anything being wrong
) STRICT;
CREATE TABLE monitor_change(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  wall_ns INTEGER NOT NULL,
  level INTEGER NOT NULL,
  value REAL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX monitor_change_by_name ON monitor_change(name, wall_ns);

-- Whom an instant message has been sent to about what is not fine since.
CREATE TABLE notified(
  person TEXT NOT NULL,
  monitor TEXT NOT NULL,
  wall_ns INTEGER NOT NULL,
  level INTEGER NOT NULL,
  PRIMARY KEY(person, monitor)
) STRICT, WITHOUT ROWID;
-- Messages to be sent, and those sent of late. state: 0 waiting, 1 sent, 2 given up.
CREATE TABLE notification(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  person TEXT NOT NULL,
  channel TEXT NOT NULL,  -- mail, webhook, command
  kind TEXT NOT NULL,     -- instant, recovery, digest, test
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  html TEXT NOT NULL,
  json TEXT NOT NULL,
  created_wall_ns INTEGER NOT NULL,
  state INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_wall_ns INTEGER NOT NULL,
  error TEXT NOT NULL
) STRICT;
CREATE INDEX notification_waiting ON notification(next_wall_ns) WHERE state = 0;

-- Figures by name: what was refused or lost, when the last digest was made.
CREATE TABLE monitoring_figure(
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
