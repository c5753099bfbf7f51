// What the writer (html/*.cc) puts into data/*.js and requests/ID.js. Times of day are microseconds
// since the Unix epoch, durations nanoseconds; null is "not known". Every string may come from the
// network: it is only ever shown as text.

export interface ReportInfo {
  version: string;
  written_us: number;
  database: string;
  site: string | null; // what the report was restricted to
  route: string | null;
  since_us: number | null;
  values_shown: boolean;
  rows: number; // in data/requests.js
  rows_left: number; // kept in the database, not in this report
  pages: number;
  pages_left: number; // profiled requests without a page
}

export interface Latency {
  count: number;
  failed: number;
  sum_ns: number;
  min_ns: number;
  max_ns: number;
  p50_ns: number;
  p90_ns: number;
  p99_ns: number;
  timed: number;
  on_cpu_sum_ns: number;
  bytes_in: number;
  bytes_out: number;
}

export interface Bin {
  start_us: number;
  count: number;
  failed: number;
  mean_ns: number | null;
  p99_ns: number | null; // of the worst minute
}

export interface Session {
  id: number;
  mode: string;
  command: string;
  start_us: number;
  end_us: number | null;
  requests_seen: number;
  rows_thinned: number;
  samples_seen: number;
  samples_attributed: number;
  own_cpu_ns: number;
  own_peak_rss_bytes: number;
  lost: number;
  not_profiled: number; // over --profile-rate: a choice, no part of lost
}

// pinfo's own, of the sessions for which the time watched is known.
export interface OwnCost {
  cpu_ns: number;
  watched_ns: number;
  requests: number;
  other_cpu_ns: number; // of the other sessions
}

export interface Overview {
  latency: Latency;
  sites: number;
  processes: number;
  processes_alive: number;
  request_rows: number;
  samples: number;
  samples_attributed: number;
  samples_incomplete: number;
  stack_ends: string; // how many of them ended how; empty: none
  first_us: number | null;
  last_us: number | null;
  own_cpu_ns: number;
  own_cost: OwnCost;
  database_bytes: number;
  rows_thinned: number;
  losses: {what: string; count: number}[];
  not_profiled: number;
  bin_minutes: number;
  bins: Bin[];
  sessions: Session[];
}

export interface Route {
  site: string;
  route: string;
  latency: Latency;
}

export interface Process {
  pid: number;
  parent: number;
  comm: string;
  exe: string;
  argv: string;
  cwd: string;
  host: string;
  mode: string;
  uid: number;
  start_us: number;
  end_us: number | null;
  exit: string | null;
  requests: number;
  user_cpu_ns: number | null;
  system_cpu_ns: number | null;
  rss_bytes: number | null;
  max_rss_bytes: number | null;
  min_threads: number | null;
  max_threads: number | null;
}

// The names of OutcomeName (collector/store/rows.h).
export type Outcome = string;

export interface Request {
  id: number;
  start_us: number;
  latency_ns: number;
  on_cpu_ns: number | null;
  blocked_ns: number | null;
  runqueue_ns: number | null;
  waiting_ns: number | null;
  site: string;
  method: string;
  target: string;
  route: string;
  status: number; // 0: none seen
  outcome: Outcome;
  pid: number;
  bytes_out: number;
  samples: number;
  weight: number;
  page: boolean;
}

export interface ProfileFunction {
  name: string;
  file: string;
  line: number;
  module: string;
  self_ns: number;
  total_ns: number;
  samples: number | null; // with it on the stack
}

export interface RequestPage {
  request: Request;
  tid: number;
  protocol: string;
  tls: boolean;
  queue_ns: number | null;
  first_byte_ns: number | null;
  bytes_in: number;
  verdict: string;
  profile_ns: number;
  samples: number;
  samples_incomplete: number;
  stack_ends: string; // how many of them ended how; empty: none
  functions: ProfileFunction[];
  functions_left: number;
}

// A row of a chunk: the fields of Request in the order of kRequestFields (html/request_rows.cc),
// strings as indices into the chunk's own strings.
type RequestTuple = (number | null)[];
interface RequestChunk {
  strings: string[];
  rows: RequestTuple[];
}

interface PinfoData {
  report: ReportInfo;
  overview?: Overview;
  routes?: Route[];
  processes?: Process[];
  requests?: string[]; // one JSON text a chunk
  request?: RequestPage;
}

declare global {
  interface Window {
    pinfoData: PinfoData;
  }
}

export function data(): PinfoData {
  return window.pinfoData;
}

export function decodeRequests(chunks: string[]): Request[] {
  const requests: Request[] = [];
  for (const text of chunks) {
    const chunk = JSON.parse(text) as RequestChunk;
    const string = (index: number | null | undefined) => chunk.strings[index ?? -1] ?? '';
    for (const row of chunk.rows) {
      requests.push({
        id: row[0] ?? 0,
        start_us: row[1] ?? 0,
        latency_ns: row[2] ?? 0,
        on_cpu_ns: row[3] ?? null,
        blocked_ns: row[4] ?? null,
        runqueue_ns: row[5] ?? null,
        waiting_ns: row[6] ?? null,
        site: string(row[7]),
        method: string(row[8]),
        target: string(row[9]),
        route: string(row[10]),
        status: row[11] ?? 0,
        outcome: string(row[12]),
        pid: row[13] ?? 0,
        bytes_out: row[14] ?? 0,
        samples: row[15] ?? 0,
        weight: row[16] ?? 1,
        page: row[17] === 1,
      });
    }
  }
  return requests;
}
