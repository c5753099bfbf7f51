// routes.html and sites.html, and the overview's routes.
import {data, Latency, Living, Route, Site} from './data';
import {el} from './dom';
import {bytes, count, ms, percent, plural, seconds} from './format';
import {Column, Sorting, TableView} from './table_view';
import {View} from './view';

export function showRoutes(main: HTMLElement): View {
  const lead = el('p', {class: 'lead'});
  const site = new URLSearchParams(location.hash.slice(1)).get('site');
  const table = routeTable('Routes', [], {column: 'time', descending: true}, null);
  const update = () => {
    const all = data().routes ?? [];
    const shown = site === null ? all : all.filter((route) => route.site === site);
    lead.textContent =
      site === null ? `${plural(all.length, 'route')}.` : `${count(shown.length)} of ${plural(all.length, 'route')}, of the site ${site}. `;
    if (site !== null) {
      lead.append(el('a', {href: 'routes.html'}, 'All routes'));
    }
    table.updateRows(shown);
  };
  update();
  window.addEventListener('hashchange', () => location.reload());
  main.append(lead, table.element);
  return {update};
}

export function showSites(main: HTMLElement): View {
  const lead = el('p', {class: 'lead'});
  const table = new TableView<Site>('Sites', siteColumns(), [], {column: 'requests', descending: true});
  const update = () => {
    const {sites = []} = data();
    lead.textContent = `${plural(sites.length, 'site')}, by the name that requests give in Host.`;
    table.updateRows(sites);
  };
  update();
  main.append(lead, table.element);
  return {update};
}

function siteColumns(): Column<Site>[] {
  return [
    {
      id: 'site',
      title: 'Site',
      width: 16,
      grow: true,
      value: (row) => row.site,
      cell: (row) =>
        el('a', {href: `routes.html#${new URLSearchParams({site: row.site}).toString()}`, title: row.site}, row.site === '' ? '(none)' : row.site),
    },
    {
      id: 'living',
      title: 'Processes',
      width: 13,
      optional: 2,
      number: true,
      hint: 'Processes that served it: alive now, on average, at most at once',
      value: (row) => row.living.max,
      cell: (row) => livingText(row.living),
    },
    {id: 'routes', title: 'Routes', width: 9, optional: 2, number: true, value: (row) => row.routes, cell: (row) => count(row.routes)},
    ...latencyColumns<Site>(() => (data().sites ?? []).reduce((sum, {latency}) => sum + latency.sum_ns, 0)),
  ];
}

export function livingText({current, average, max}: Living): string {
  return `${count(current)} / ${average.toFixed(1)} / ${count(max)}`;
}

export function requestsOf(site: string, route: string): string {
  return `requests.html#${new URLSearchParams({site, route}).toString()}`;
}

// only: ids of the columns to show; null: all.
export function routeTable(label: string, routes: Route[], sorting: Sorting, only: string[] | null): TableView<Route> {
  const all: Column<Route>[] = [
    {
      id: 'route',
      title: 'Route',
      width: 16,
      grow: true,
      value: (row) => row.route,
      cell: (row) =>
        el(
          'a',
          {href: row.page === null ? requestsOf(row.site, row.route) : `route.html#${row.page}`, title: row.route},
          row.route === '' ? '(none)' : row.route,
        ),
    },
    {
      id: 'site',
      title: 'Site',
      width: 22,
      optional: 1,
      value: (row) => row.site,
      cell: (row) => el('span', {title: row.site}, row.site),
    },
    ...latencyColumns<Route>(() => (data().routes ?? []).reduce((sum, {latency}) => sum + latency.sum_ns, 0)),
  ];
  const columns = only === null ? all : all.filter(({id}) => only.includes(id));
  return new TableView(label, columns, routes, sorting);
}

// whole: all time spent in the rows of the report.
function latencyColumns<Row extends {latency: Latency}>(whole: () => number): Column<Row>[] {
  const latency = (id: string, title: string, ns: (row: Row) => number, optional: number) => ({
    id,
    title,
    width: 12,
    optional,
    number: true,
    value: ns,
    cell: (row: Row) => ms(ns(row)),
  });
  const mean = (row: Row) => (row.latency.count > 0 ? row.latency.sum_ns / row.latency.count : 0);
  const onCpu = (row: Row) => (row.latency.timed > 0 ? row.latency.on_cpu_sum_ns / row.latency.timed : null);
  return [
    {
      id: 'requests',
      title: 'Requests',
      width: 11,
      optional: 0,
      number: true,
      value: (row) => row.latency.count,
      cell: (row) => count(row.latency.count),
    },
    {
      id: 'failed',
      title: 'Failed',
      width: 9,
      optional: 1,
      number: true,
      value: (row) => (row.latency.count > 0 ? row.latency.failed / row.latency.count : 0),
      cell: (row) =>
        el(
          'span',
          {title: `${count(row.latency.failed)} failed`, ...(row.latency.failed > 0 ? {class: 'bad'} : {})},
          percent(row.latency.failed, row.latency.count),
        ),
    },
    {
      id: 'time',
      title: 'All time, s',
      width: 12,
      optional: 1,
      number: true,
      hint: 'The latencies of all its requests together',
      value: (row) => row.latency.sum_ns,
      cell: (row) => seconds(row.latency.sum_ns),
    },
    {
      id: 'share',
      title: 'Share of time',
      width: 14,
      optional: 1,
      hint: 'Of the latencies of all requests of the report',
      value: (row) => row.latency.sum_ns,
      cell: (row) => shareBar(row.latency.sum_ns, whole()),
    },
    latency('mean', 'Mean, ms', mean, 2),
    latency('p50', 'Median, ms', (row) => row.latency.p50_ns, 1),
    latency('p90', 'p90, ms', (row) => row.latency.p90_ns, 0),
    latency('p99', 'p99, ms', (row) => row.latency.p99_ns, 1),
    latency('max', 'Max, ms', (row) => row.latency.max_ns, 2),
    {
      id: 'on_cpu',
      title: 'On CPU, ms',
      width: 13,
      optional: 3,
      number: true,
      hint: 'Mean over the requests for which it is known',
      value: onCpu,
      cell: (row) => ms(onCpu(row)),
    },
    {
      id: 'sent',
      title: 'Sent',
      width: 11,
      optional: 3,
      number: true,
      value: (row) => row.latency.bytes_out,
      cell: (row) => bytes(row.latency.bytes_out),
    },
  ];
}

function shareBar(part: number, whole: number): HTMLElement {
  const fill = el('span', {class: 'share-fill'});
  fill.style.width = `${whole > 0 ? Math.min(100, (100 * part) / whole) : 0}%`;
  return el('span', {class: 'share'}, el('span', {class: 'share-bar', 'aria-hidden': 'true'}, fill), el('span', {class: 'share-text'}, percent(part, whole)));
}
