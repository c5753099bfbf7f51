// index.html: is it slow, where, since when, and how far can these figures be trusted.
import {timeChart} from './chart';
import {data, Overview, OwnCost, Session} from './data';
import {el, figures, section} from './dom';
import {bytes, count, duration, ms, percent, plural, time} from './format';
import {processTable} from './processes';
import {routeTable} from './routes';
import {Column, TableView} from './table_view';

const SLOWEST_ROUTES = 10;
const NEWEST_PROCESSES = 10;

export function showOverview(main: HTMLElement): void {
  const {overview, routes = [], processes = []} = data();
  if (!overview) {
    return;
  }
  main.append(totals(overview), requestsOverTime(overview));
  const slowest = [...routes].sort((a, b) => b.latency.p90_ns - a.latency.p90_ns).slice(0, SLOWEST_ROUTES);
  main.append(
    section(
      'Slowest routes',
      routeTable(slowest),
      more(routes.length, SLOWEST_ROUTES, 'routes', 'routes.html'),
    ),
    completeness(overview),
    section(
      'Processes',
      processTable([...processes].sort((a, b) => b.start_us - a.start_us).slice(0, NEWEST_PROCESSES)),
      more(processes.length, NEWEST_PROCESSES, 'processes', 'processes.html'),
    ),
    section('Sessions', sessionTable(overview.sessions)),
  );
}

function more(all: number, shown: number, what: string, href: string): HTMLElement | null {
  return all > shown ? el('p', {}, el('a', {href}, `All ${count(all)} ${what}`)) : null;
}

function totals(overview: Overview): HTMLElement {
  const {latency} = overview;
  const some = latency.count > 0;
  const text = (ns: number) => duration(some ? ns : null);
  return section(
    'Totals',
    el(
      'p',
      {class: 'lead'},
      some
        ? `${plural(latency.count, 'request')} at ${plural(overview.sites, 'site')} from ` +
            `${plural(overview.processes, 'process', 'processes')}, ${time(overview.first_us)} to ${time(overview.last_us)}.`
        : 'No requests were seen.',
    ),
    figures([
      ['Requests', count(latency.count)],
      ['Failed', count(latency.failed), some ? `${percent(latency.failed, latency.count)}; 5xx or aborted` : ''],
      ['Median', text(latency.p50_ns)],
      ['90th percentile', text(latency.p90_ns)],
      ['99th percentile', text(latency.p99_ns)],
      ['Slowest', text(latency.max_ns)],
      [
        'Mean on CPU',
        duration(latency.timed > 0 ? latency.on_cpu_sum_ns / latency.timed : null),
        `known for ${percent(latency.timed, latency.count)} of requests`,
      ],
      ['Sent', bytes(latency.bytes_out), `${bytes(latency.bytes_in)} received`],
    ]),
  );
}

function requestsOverTime(overview: Overview): HTMLElement {
  const every = overview.bin_minutes === 1 ? 'minute' : `${count(overview.bin_minutes)} minutes`;
  return section(
    'Requests over time',
    timeChart(overview.bins, overview.bin_minutes * 60e6, every),
  );
}

function completeness(overview: Overview): HTMLElement {
  const {report} = data();
  const {losses, samples} = overview;
  const unattributed = samples - overview.samples_attributed;
  const items = [
    losses.length === 0
      ? 'Nothing was lost: no record was dropped.'
      : `${losses.map(({what, count: lost}) => `${count(lost)} ${what}`).join('; ')}.`,
    overview.not_profiled === 0
      ? null
      : `${plural(overview.not_profiled, 'request')} not profiled (over --profile-rate): by choice, counted and timed as the others.`,
    samples === 0
      ? 'No stacks were sampled.'
      : `${count(unattributed)} of ${plural(samples, 'stack sample')} (${percent(unattributed, samples)}) ` +
        'belong to no request; ' +
        `${count(overview.samples_incomplete)} (${percent(overview.samples_incomplete, samples)}) could not be ` +
        `followed to the start of their thread${overview.stack_ends === '' ? '' : `: ${overview.stack_ends}`}.`,
    overview.rows_thinned === 0
      ? 'A row was kept for every request.'
      : `${count(overview.rows_thinned)} requests were counted without keeping a row. Totals, routes and ` +
        'percentiles include them.',
    report.rows_left === 0
      ? 'Every row kept is in this report.'
      : `The report lists the ${count(report.rows)} slowest; ${count(report.rows_left)} more rows are in the database.`,
    report.pages_left === 0
      ? `Every profiled request has its page (${count(report.pages)}).`
      : `The ${count(report.pages)} slowest profiled requests have a page; ${count(report.pages_left)} more were profiled.`,
    'Counts are exact. Percentiles come from a histogram and are within 6.25%.',
  ];
  return section(
    'How complete this is',
    el('ul', {class: 'plain'}, ...items.map((item) => (item === null ? null : el('li', {}, item)))),
    el('p', {class: 'own-cost'}, ownCost(overview.own_cost)),
    el('p', {}, `The database is ${bytes(overview.database_bytes)} with ${plural(overview.request_rows, 'request row')}.`),
  );
}

function ownCost(cost: OwnCost): string {
  if (cost.watched_ns === 0) {
    return `pinfo itself used ${duration(cost.other_cpu_ns)} of CPU.`;
  }
  const each = cost.requests > 0 ? `, ${duration(cost.cpu_ns / cost.requests)} a request` : '';
  const others =
    cost.other_cpu_ns > 0 ? `; ${duration(cost.other_cpu_ns)} in sessions that replayed or have not ended` : '';
  return (
    `pinfo itself used ${duration(cost.cpu_ns)} of CPU in ${duration(cost.watched_ns)} of watching ` +
    `(${percent(cost.cpu_ns, cost.watched_ns)} of one CPU)${each}${others}.`
  );
}

function sessionTable(sessions: Session[]): HTMLElement {
  const columns: Column<Session>[] = [
    {id: 'start', title: 'Start', width: 21, value: (s) => s.start_us, cell: (s) => time(s.start_us)},
    {
      id: 'end',
      title: 'End',
      width: 21,
      optional: 1,
      value: (s) => s.end_us,
      cell: (s) => (s.end_us === null ? 'not ended' : time(s.end_us)),
    },
    {id: 'mode', title: 'Mode', width: 14, optional: 2, value: (s) => s.mode, cell: (s) => s.mode},
    {
      id: 'command',
      title: 'Command',
      width: 26,
      grow: true,
      optional: 1,
      value: (s) => s.command,
      cell: (s) => el('span', {title: s.command}, s.command),
    },
    {id: 'requests', title: 'Requests', width: 12, number: true, value: (s) => s.requests_seen, cell: (s) => count(s.requests_seen)},
    {id: 'samples', title: 'Samples', width: 11, optional: 2, number: true, value: (s) => s.samples_seen, cell: (s) => count(s.samples_seen)},
    {id: 'lost', title: 'Lost', width: 9, optional: 1, number: true, value: (s) => s.lost, cell: (s) => count(s.lost)},
    {
      id: 'not_profiled',
      title: 'Not profiled',
      width: 10,
      optional: 3,
      number: true,
      hint: 'Over --profile-rate: by choice, not a loss',
      value: (s) => s.not_profiled,
      cell: (s) => count(s.not_profiled),
    },
    {id: 'cpu', title: 'Own CPU, ms', width: 12, optional: 1, number: true, value: (s) => s.own_cpu_ns, cell: (s) => ms(s.own_cpu_ns)},
    {id: 'rss', title: 'Own memory', width: 11, optional: 4, number: true, value: (s) => s.own_peak_rss_bytes, cell: (s) => bytes(s.own_peak_rss_bytes)},
  ];
  return new TableView('Sessions', columns, sessions, {column: 'start', descending: true}).element;
}
