-- The machine's own figures at one moment, from /proc: of every machine whose servers were watched.
-- CPU times are since boot, over all CPUs. Pressure (PSI) is the share of the last 10 s in which some
-- task waited, in basis points; NULL where the kernel does not tell.
CREATE TABLE system_status(
  id INTEGER PRIMARY KEY,
  host_id INTEGER NOT NULL REFERENCES host(id),
  wall_ns INTEGER NOT NULL,
  memory_total_bytes INTEGER NOT NULL,
  memory_free_bytes INTEGER NOT NULL,
  memory_available_bytes INTEGER NOT NULL,
  memory_buffers_bytes INTEGER NOT NULL,
  memory_cached_bytes INTEGER NOT NULL,
  swap_total_bytes INTEGER NOT NULL,
  swap_free_bytes INTEGER NOT NULL,
  uptime_ns INTEGER NOT NULL,
  cpu_busy_ns INTEGER NOT NULL,
  cpu_idle_ns INTEGER NOT NULL,
  cpus INTEGER NOT NULL,
  load1_milli INTEGER NOT NULL,
  load5_milli INTEGER NOT NULL,
  load15_milli INTEGER NOT NULL,
  cpu_pressure_bp INTEGER,
  memory_pressure_bp INTEGER,
  io_pressure_bp INTEGER
) STRICT;
