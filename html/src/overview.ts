// index.html: is it slow, where, since when, and how far can these figures be trusted.
import {data, MachineHistory, Overview, OwnCost, Process, Route, Series, Session, System} from './data';
import {el, figures, section} from './dom';
import {bytes, count, duration, longTime, ms, percent, plural, rate, time} from './format';
import {HeatMap} from './heat_map';
import {Plot, PlotData, PlotOptions, zoomButtons} from './plot';
import {processTable} from './processes';
import {routeTable} from './routes';
import {Column, TableView} from './table_view';
import {Range, TimeAxis} from './time_axis';
import {View} from './view';

const LISTED_ROUTES = 8;
const NEWEST_PROCESSES = 10;

export function showOverview(main: HTMLElement): View | null {
  const {overview} = data();
  if (!overview) {
    return null;
  }
  const totals = el('div', {});
  const charts = new OverviewCharts(overview);
  const tables = new OverviewTables();
  const complete = el('div', {});
  const show = (shown: Overview) => {
    totals.replaceChildren(totalFigures(shown));
    complete.replaceChildren(completeness(shown));
  };
  show(overview);
  main.append(totals, charts.requests, tables.element, charts.machine, complete, tables.processes, tables.sessions);
  return {
    update: () => {
      const now = data().overview;
      if (now) {
        show(now);
        charts.update(now);
        tables.update();
      }
    },
  };
}

function totalFigures(overview: Overview): HTMLElement {
  const {latency, series} = overview;
  const some = latency.count > 0;
  const text = (ns: number) => duration(some ? ns : null);
  const seconds = (series.count.length * series.bin_us) / 1e6;
  const busiest = Math.max(0, ...series.count);
  return el(
    'div',
    {},
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
      [
        'Rate',
        some && seconds > 0 ? rate(latency.count / seconds) : '–',
        some ? `${rate(busiest / (series.bin_us / 1e6))} at most` : '',
      ],
      ['Failed', count(latency.failed), some ? `${percent(latency.failed, latency.count)}; 5xx or aborted` : ''],
      ['Median', text(latency.p50_ns)],
      ['90th percentile', text(latency.p90_ns)],
      ['99th percentile', text(latency.p99_ns)],
      ['Slowest', text(latency.max_ns)],
      [
        'Mean on CPU',
        duration(latency.timed > 0 ? latency.on_cpu_sum_ns / latency.timed : null),
        some ? `known for ${percent(latency.timed, latency.count)} of requests` : '',
      ],
      ['Sent', bytes(latency.bytes_out), `${bytes(latency.bytes_in)} received`],
    ]),
  );
}

function timesOf(series: Series): number[] {
  return series.count.map((_, index) => series.start_us + index * series.bin_us);
}

export function binName(bin_us: number): string {
  const seconds = bin_us / 1e6;
  const unit: [number, string] =
    seconds % 86_400 === 0 ? [86_400, 'day'] : seconds % 3600 === 0 ? [3600, 'hour'] : seconds % 60 === 0 ? [60, 'minute'] : [1, 'second'];
  const number = seconds / unit[0];
  return number === 1 ? unit[1] : `${number} ${unit[1]}s`;
}

export function requestPlotData(series: Series): PlotData {
  return {
    times: timesOf(series),
    bin_us: series.bin_us,
    series: [
      {name: 'requests', kind: 'bar', colour: 'c-requests', values: series.count},
      {name: 'failed', kind: 'bar', colour: 'c-failed', values: series.failed},
    ],
  };
}

export function latencyPlotData(series: Series): PlotData {
  return {
    times: timesOf(series),
    bin_us: series.bin_us,
    series: [
      {name: 'p99', kind: 'line', colour: 'c-p99', values: series.p99_ns},
      {name: 'p90', kind: 'line', colour: 'c-p90', values: series.p90_ns},
      {name: 'median', kind: 'line', colour: 'c-p50', values: series.p50_ns},
    ],
  };
}

export function seriesRange(series: Series): Range {
  return [series.start_us, series.start_us + Math.max(1, series.count.length) * Math.max(1e6, series.bin_us)];
}

class OverviewCharts {
  readonly requests: HTMLElement;
  readonly machine = el('div', {});
  private readonly axis: TimeAxis;
  private readonly counts: Plot;
  private readonly latency: Plot;
  private readonly heat: HeatMap;
  private readonly machinePlots: {plot: Plot; of: (overview: Overview) => PlotData}[] = [];

  constructor(overview: Overview) {
    const {series} = overview;
    this.axis = new TimeAxis(this.range(overview));
    const each = binName(series.bin_us);
    this.counts = new Plot(requestPlotData(series), {title: `Requests a ${each}`, format: count, axis: this.axis});
    this.latency = new Plot(latencyPlotData(series), {title: 'Latency', format: duration, axis: this.axis});
    this.heat = new HeatMap(series, {title: 'Where latencies lie', axis: this.axis, height: 240});
    this.requests =
      series.count.length === 0
        ? el('div', {})
        : section(
            'Over time',
            zoomButtons(this.axis),
            el('div', {class: 'plots'}, this.counts.element, this.latency.element),
            this.heat.element,
          );
    this.addMachine(overview);
  }

  update(overview: Overview): void {
    this.axis.extend(this.range(overview));
    this.counts.setData(requestPlotData(overview.series));
    this.latency.setData(latencyPlotData(overview.series));
    this.heat.setSeries(overview.series);
    for (const {plot, of} of this.machinePlots) {
      plot.setData(of(overview));
    }
  }

  // Of all there is to show, so that charts of requests and of machines line up.
  private range({series, machine}: Overview): Range {
    const [from, to] = seriesRange(series);
    if (series.count.length === 0) {
      const times = machine.processes.map(([us]) => us);
      return times.length > 0 ? [Math.min(...times), Math.max(...times) + machine.bin_us] : [0, 1e6];
    }
    return [from, to];
  }

  private add(options: Omit<PlotOptions, 'axis'>, overview: Overview, of: (overview: Overview) => PlotData): HTMLElement {
    const plot = new Plot(of(overview), {...options, axis: this.axis});
    this.machinePlots.push({plot, of});
    return plot.element;
  }

  private addMachine(overview: Overview): void {
    const {machine} = overview;
    if (machine.processes.length === 0 && machine.systems.length === 0) {
      return;
    }
    const plots = [
      this.add({title: 'Memory of the processes', format: bytes, ticks: byteTicks}, overview, (o) =>
        processPlot(o.machine, 'resident', 'c-memory', (p) => p[2], 'area'),
      ),
      this.add({title: 'CPU used by the processes', format: cores}, overview, (o) =>
        processPlot(o.machine, 'cores', 'c-cpu', (p) => p[3] / (o.machine.bin_us * 1e3), 'area'),
      ),
      this.add({title: 'Processes and their threads', format: count}, overview, (o) => {
        const threads = processPlot(o.machine, 'threads', 'c-p99', (p) => p[4], 'line');
        threads.series.push(...processPlot(o.machine, 'processes', 'c-p50', (p) => p[1], 'line').series);
        return threads;
      }),
    ];
    machine.systems.forEach((system, at) => plots.push(...this.systemPlots(overview, system, at)));
    this.machine.append(
      section('Processes and machine over time', ...machine.systems.map(systemText), el('div', {class: 'plots'}, ...plots)),
    );
  }

  private systemPlots(overview: Overview, {host, cpus}: System, at: number): HTMLElement[] {
    const where = overview.machine.systems.length > 1 ? ` of ${host.slice(0, 8)}` : '';
    const points = (o: Overview) => o.machine.systems[at]?.points ?? [];
    const plot = (o: Overview, series: PlotData['series']): PlotData => ({
      times: points(o).map(([us]) => us),
      bin_us: o.machine.bin_us,
      series,
    });
    return [
      this.add({title: `Load and busy CPUs${where}`, format: (v) => v.toFixed(v < 10 ? 2 : 1), note: plural(cpus, 'CPU')}, overview, (o) =>
        plot(o, [
          {name: 'busy CPUs', kind: 'area', colour: 'c-cpu', values: points(o).map((p) => (p[2] === null ? null : p[2] * cpus))},
          {name: 'load, 1 min', kind: 'line', colour: 'c-p50', values: points(o).map((p) => p[1] / 1000)},
        ]),
      ),
      this.add({title: `Memory in use${where}`, format: bytes, ticks: byteTicks}, overview, (o) =>
        plot(o, [{name: 'in use', kind: 'area', colour: 'c-memory', values: points(o).map((p) => p[3])}]),
      ),
      this.add({title: `Pressure: time in which something waited${where}`, format: (v) => `${v.toFixed(v < 10 ? 1 : 0)}%`}, overview, (o) =>
        plot(o, [
          {name: 'for a CPU', kind: 'line', colour: 'c-p99', values: points(o).map((p) => (p[4] === null ? null : p[4] / 100))},
          {name: 'for memory', kind: 'line', colour: 'c-p90', values: points(o).map((p) => (p[5] === null ? null : p[5] / 100))},
          {name: 'for a disk', kind: 'line', colour: 'c-p50', values: points(o).map((p) => (p[6] === null ? null : p[6] / 100))},
        ]),
      ),
    ];
  }
}

function cores(value: number): string {
  return value.toFixed(value < 0.1 ? 3 : value < 10 ? 2 : 1);
}

function byteTicks(largest: number): number[] {
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, largest) / 4)));
  return Array.from({length: Math.ceil(largest / step) + 1}, (_, index) => index * step);
}

function processPlot(
  machine: MachineHistory,
  name: string,
  colour: string,
  value: (point: MachineHistory['processes'][0]) => number,
  kind: 'line' | 'area',
): PlotData {
  return {
    times: machine.processes.map(([us]) => us),
    bin_us: machine.bin_us,
    series: [{name, kind, colour, values: machine.processes.map(value)}],
  };
}

function systemText(system: System): HTMLElement {
  const load = [system.load1_milli, system.load5_milli, system.load15_milli].map((milli) => (milli / 1000).toFixed(2)).join(', ');
  const swap =
    system.swap_total_bytes > 0 ? `, ${bytes(system.swap_total_bytes - system.swap_free_bytes)} of ${bytes(system.swap_total_bytes)} swap used` : '';
  return el(
    'p',
    {class: 'lead'},
    `Machine ${system.host.slice(0, 8)}: ${plural(system.cpus, 'CPU')}, load ${load}; ` +
      `${bytes(system.memory_available_bytes)} of ${bytes(system.memory_total_bytes)} memory available${swap}; ` +
      `up for ${longTime(system.uptime_ns)}.`,
  );
}

class OverviewTables {
  readonly element = el('div', {});
  readonly processes: HTMLElement;
  readonly sessions: HTMLElement;
  private readonly costly = routeTable('Most costly routes', [], {column: 'time', descending: true}, COSTLY_COLUMNS);
  private readonly slow = routeTable('Slowest routes', [], {column: 'p90', descending: true}, SLOW_COLUMNS);
  private readonly newest = processTable([]);
  private readonly living = el('p', {class: 'note'});
  private readonly sessionTable = sessionTable();

  constructor() {
    this.element.append(
      el(
        'div',
        {class: 'pair'},
        section('Most costly routes', el('p', {class: 'note'}, 'By all time spent in them.'), this.costly.element),
        section('Slowest routes', el('p', {class: 'note'}, 'By their 90th percentile.'), this.slow.element),
      ),
      el('p', {}, el('a', {href: 'routes.html'}, 'All routes')),
    );
    this.processes = section('Processes', this.living, this.newest.element, el('p', {}, el('a', {href: 'processes.html'}, 'All processes')));
    this.sessions = section('Sessions', this.sessionTable.element);
    this.update();
  }

  update(): void {
    const {routes = [], processes = [], overview} = data();
    const first = (order: (route: Route) => number) =>
      [...routes].sort((a, b) => order(b) - order(a)).slice(0, LISTED_ROUTES);
    this.costly.updateRows(first((route) => route.latency.sum_ns));
    this.slow.updateRows(first((route) => route.latency.p90_ns));
    const byStart = [...processes].sort((a: Process, b: Process) => b.start_us - a.start_us);
    this.newest.updateRows(byStart.slice(0, NEWEST_PROCESSES));
    this.sessionTable.updateRows(overview?.sessions ?? []);
    if (overview) {
      const {created, current, average, max, lifetime_mean_ns} = overview.living;
      this.living.textContent =
        `${count(created)} seen, ${count(current)} alive ${data().report.live ? 'now' : 'when this was written'}, ` +
        `${average.toFixed(1)} on average, ${count(max)} at most at once; they lived ${longTime(lifetime_mean_ns)} on average.`;
    }
  }
}

const COSTLY_COLUMNS = ['route', 'requests', 'time', 'share', 'mean'];
const SLOW_COLUMNS = ['route', 'requests', 'p50', 'p90', 'p99'];

function completeness(overview: Overview): HTMLElement {
  const {report} = data();
  const {losses, samples} = overview;
  const unattributed = samples - overview.samples_attributed;
  const items: [text: string, bad?: boolean][] = [
    losses.length === 0
      ? ['Nothing was lost: no record was dropped.']
      : [`${losses.map(({what, count: lost}) => `${count(lost)} ${what}`).join('; ')}.`, true],
  ];
  if (overview.not_profiled > 0) {
    items.push([
      `${plural(overview.not_profiled, 'request')} not profiled (over --profile-rate): by choice, counted and timed as the others.`,
    ]);
  }
  items.push([
    samples === 0
      ? 'No stacks were sampled.'
      : `${count(unattributed)} of ${plural(samples, 'stack sample')} (${percent(unattributed, samples)}) ` +
        'belong to no request; ' +
        `${count(overview.samples_incomplete)} (${percent(overview.samples_incomplete, samples)}) could not be ` +
        `followed to the start of their thread${overview.stack_ends === '' ? '' : `: ${overview.stack_ends}`}.`,
  ]);
  items.push([
    overview.rows_thinned === 0
      ? 'A row was kept for every request.'
      : `${count(overview.rows_thinned)} requests were counted without keeping a row. Totals, routes and ` +
        'percentiles include them.',
  ]);
  if (!report.live) {
    items.push([
      report.rows_left === 0
        ? 'Every row kept is in this report.'
        : `The report lists the ${count(report.rows)} slowest; ${count(report.rows_left)} more rows are in the database.`,
    ]);
    items.push([
      report.pages_left === 0
        ? `Every profiled request has its page (${count(report.pages)}).`
        : `The ${count(report.pages)} slowest profiled requests have a page; ${count(report.pages_left)} more were profiled.`,
    ]);
  }
  items.push(['Counts are exact. Percentiles come from a histogram and are within 6.25%.']);
  return section(
    'How complete this is, and what it cost',
    el('ul', {class: 'plain'}, ...items.map(([text, bad]) => el('li', bad ? {class: 'bad'} : {}, text))),
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

function sessionTable(): TableView<Session> {
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
  return new TableView('Sessions', columns, [], {column: 'start', descending: true});
}
