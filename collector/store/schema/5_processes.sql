-- What a process is run by and where it listens; what memory it truly uses; the machine's names.
ALTER TABLE process ADD COLUMN runtime TEXT NOT NULL DEFAULT '';
ALTER TABLE process ADD COLUMN listen TEXT NOT NULL DEFAULT '';
ALTER TABLE process_status ADD COLUMN pss_bytes INTEGER;
ALTER TABLE host ADD COLUMN uname TEXT NOT NULL DEFAULT '';
ALTER TABLE host ADD COLUMN fqdn TEXT NOT NULL DEFAULT '';
ALTER TABLE host ADD COLUMN addresses TEXT NOT NULL DEFAULT '';

-- Exact counts of what each process served of each site, whether or not its rows were kept.
CREATE TABLE process_site(
  process_id INTEGER NOT NULL REFERENCES process(id) ON DELETE CASCADE,
  site_id INTEGER NOT NULL REFERENCES site(id),
  requests INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  latency_sum_ns INTEGER NOT NULL,
  timed INTEGER NOT NULL,  -- requests behind on_cpu_sum_ns
  on_cpu_sum_ns INTEGER NOT NULL,
  first_wall_ns INTEGER NOT NULL,
  last_wall_ns INTEGER NOT NULL,
  PRIMARY KEY(process_id, site_id)
) STRICT, WITHOUT ROWID;
-- From the rows there are, for databases of earlier versions: nearly as exact.
INSERT INTO process_site
  SELECT r.process_id, route.site_id, CAST(round(sum(r.weight)) AS INTEGER),
         CAST(round(sum(r.weight * (r.status >= 500 OR r.outcome = 1))) AS INTEGER),
         CAST(round(sum(r.weight * r.latency_ns)) AS INTEGER),
         CAST(round(sum(r.weight * (r.on_cpu_ns IS NOT NULL))) AS INTEGER),
         CAST(round(sum(r.weight * coalesce(r.on_cpu_ns, 0))) AS INTEGER),
         min(r.start_wall_ns), max(r.start_wall_ns)
  FROM request r JOIN route ON route.id = r.route_id
  WHERE r.process_id IN (SELECT id FROM process)
  GROUP BY r.process_id, route.site_id;
