// What the writer (html/*.cc) puts into data/*.js and requests/ID.js. Times of day are microseconds
// since the Unix epoch, durations nanoseconds; null is "not known". Every string may come from the
// network: it is only ever shown as text.

export interface ReportInfo {
  version: string;
  written_us: number;
  database: string;
  live: boolean; // served by pinfo serve: there will be newer data
  site: string | null; // what the report is restricted to
  route: string | null;
  since_us: number | null;
  until_us: number | null;
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

// Evenly spaced bins without a gap, one entry each; null where nothing was timed.
export interface Series {
  start_us: number;
  bin_us: number;
  count: number[];
  failed: number[];
  mean_ns: (number | null)[];
  p50_ns: (number | null)[];
  p90_ns: (number | null)[];
  p99_ns: (number | null)[];
  heat: number[]; // bin, histogram bucket, count, and so on
}

export interface MachineHistory {
  bin_us: number;
  // Begin of the bin, processes, resident bytes, CPU time in the bin, threads.
  processes: [us: number, processes: number, rss_bytes: number, cpu_ns: number, threads: number][];
  systems: System[];
}

export interface System {
  host: string;
  cpus: number;
  memory_total_bytes: number;
  memory_available_bytes: number;
  swap_total_bytes: number;
  swap_free_bytes: number;
  uptime_ns: number;
  load1_milli: number;
  load5_milli: number;
  load15_milli: number;
  // Pressure in basis points: the part of the time in which something waited for it.
  points: [
    us: number,
    load1_milli: number,
    busy: number | null,
    used_bytes: number,
    cpu_bp: number | null,
    memory_bp: number | null,
    io_bp: number | null,
  ][];
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
  series: Series;
  machine: MachineHistory;
  sessions: Session[];
  living: Living;
}

// How many processes lived at a time, and how long each did.
export interface Living {
  created: number;
  current: number;
  average: number;
  max: number;
  lifetime_min_ns: number;
  lifetime_mean_ns: number;
  lifetime_max_ns: number;
}

// Levels are numbers of enum Level (collector/config/configuration.h).
export interface Monitor {
  name: string;
  title: string;
  description: string;
  group: string;
  unit: string;
  level: number;
  since_us: number;
  checked_us: number;
  value: number | null;
  warning: number | null;
  problem: number | null;
  text: string;
}

export interface MonitorChange {
  name: string;
  us: number;
  level: number;
  text: string;
}

export interface Monitoring {
  monitors: Monitor[];
  changes: MonitorChange[]; // newest first
  messages: {waiting: number; sent: number; given_up: number; last_error: string};
}

export interface MetricSeries {
  tags: string;
  points: [start_s: number, count: number | null, sum: number | null, min: number | null, max: number | null, last: number | null][];
}

export interface Metric {
  name: string;
  title: string;
  unit: string;
  group: string;
  kind: string; // counter, gauge, timing, set
  chart: string; // line, bars, number
  count: number | null;
  sum: number | null; // of all its time
  last: number | null;
  last_us: number | null;
  resolution_s: number; // of the points
  series_left: number; // not in series
  series: MetricSeries[];
}

export interface Site {
  site: string;
  living: Living; // of the processes that served it
  routes: number;
  latency: Latency;
}

export interface Route {
  site: string;
  route: string;
  latency: Latency;
  page: string | null; // its key
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
  alive: string; // yes, no, unknown
  runtime: string; // "CPython 3.11.2, glibc 2.36"
  listen: string; // addresses, joined by spaces
  requests: number;
  failed: number;
  latency_sum_ns: number;
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
  target_place?: number; // among all targets of the list, in their order; of a list that tells it
}

export interface ProfileFunction {
  node: number; // in the DOT text
  name: string;
  file: string;
  line: number;
  module: string;
  self_ns: number;
  total_ns: number;
  samples: number | null; // with it on the stack
}

// Nanoseconds by kind, in the order of TimeKind (collector/profile/call_tree.h).
export type Times = [onCpu: number, blocked: number, runqueue: number, waiting: number, unattributed: number];

export interface Tree {
  total: Times;
  names: [name: string, place: string, line: number][];
  nodes: [parent: number, name: number, times: Times][]; // callers first; -1: the root
}

export interface Profile {
  total_ns: number;
  requests: number;
  samples: number;
  samples_incomplete: number;
  stack_ends: string; // how many of them ended how; empty: none
  functions: ProfileFunction[];
  functions_left: number;
  tree: Tree;
  dot: string;
}

// One call, or some that followed each other on one connection.
export interface OutgoingCall {
  begin_ns: number;
  end_ns: number;
  tid: number;
  peer: string;
  calls: number;
  waited_ns: number;
}

// What a request waited for, by the server called.
export interface CalledServer {
  peer: string;
  calls: number;
  waited_ns: number;
}

export interface Timeline {
  names: string[]; // innermost function first, one a line
  spans: [begin_ns: number, end_ns: number, kind: number, tid: number, name: number][];
  spans_left: number;
  calls: OutgoingCall[];
}

export interface RequestPage {
  request: Request;
  tid: number;
  protocol: string;
  tls: boolean;
  queue_ns: number | null;
  first_byte_ns: number | null;
  bytes_in: number;
  process: string;
  verdict: string;
  timeline: Timeline;
  called: CalledServer[];
  headers: [name: string, value: string][]; // those kept
  profile: Profile;
  files: {name: string; what: string; base64?: string; text?: string}[];
}

export interface RoutePage {
  key: string;
  site: string;
  route: string;
  latency: Latency;
  series: Series;
  slowest: Request[];
  profile: Profile;
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
  sites?: Site[];
  routes?: Route[];
  processes?: Process[];
  monitoring?: Monitoring;
  metrics?: Metric[];
  requests?: string[]; // one JSON text a chunk
  targetPlaces?: number[]; // of each request
  request?: string; // packed
  route?: string; // packed
}

declare global {
  interface Window {
    pinfoData: PinfoData;
  }
}

export function data(): PinfoData {
  return window.pinfoData;
}

// A script of the report's, which a page may not fetch where it is a file. Only one that carries the
// page's nonce runs.
export function loadScript(name: string): Promise<void> {
  const nonce = document.querySelector<HTMLScriptElement>('script[nonce]')?.nonce ?? '';
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.nonce = nonce;
    script.src = name;
    script.addEventListener('load', () => {
      script.remove();
      resolve();
    });
    script.addEventListener('error', () => {
      script.remove();
      reject(new Error(`${name} is not there`));
    });
    document.head.append(script);
  });
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

async function unpack<T>(packed: string): Promise<T> {
  const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text()) as T;
}

// Fails where there is no such page in this report.
export async function loadRequest(id: string): Promise<RequestPage> {
  await loadScript(`requests/${id}.js`);
  return unpack<RequestPage>(data().request ?? '');
}

export async function loadRoute(key: string): Promise<RoutePage> {
  await loadScript(`routes/${key}.js`);
  return unpack<RoutePage>(data().route ?? '');
}

export function decodeRequests({requests: chunks, targetPlaces}: PinfoData): Request[] {
  const requests: Request[] = [];
  for (const text of chunks ?? []) {
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
        target_place: targetPlaces?.[requests.length] ?? 0,
      });
    }
  }
  return requests;
}
