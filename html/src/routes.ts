// routes.html, and the overview's slowest routes.
import {data, Route} from './data';
import {el} from './dom';
import {bytes, count, ms, percent, plural} from './format';
import {Column, TableView} from './table_view';

export function showRoutes(main: HTMLElement): void {
  const {routes = []} = data();
  main.append(
    el('p', {class: 'lead'}, `${plural(routes.length, 'route')}. A route opens its requests.`),
    routeTable(routes),
  );
}

function requestsOf(row: Route): string {
  return `requests.html#${new URLSearchParams({site: row.site, route: row.route}).toString()}`;
}

export function routeTable(routes: Route[]): HTMLElement {
  const latency = (id: string, title: string, width: number, ns: (row: Route) => number, optional = 0) => ({
    id,
    title,
    width,
    optional,
    number: true,
    value: ns,
    cell: (row: Route) => ms(ns(row)),
  });
  const mean = (row: Route) => (row.latency.count > 0 ? row.latency.sum_ns / row.latency.count : 0);
  const onCpu = (row: Route) => (row.latency.timed > 0 ? row.latency.on_cpu_sum_ns / row.latency.timed : null);
  const columns: Column<Route>[] = [
    {
      id: 'route',
      title: 'Route',
      width: 16,
      grow: true,
      value: (row) => row.route,
      cell: (row) => el('a', {href: requestsOf(row), title: row.route}, row.route === '' ? '(none)' : row.route),
    },
    {
      id: 'site',
      title: 'Site',
      width: 22,
      optional: 1,
      value: (row) => row.site,
      cell: (row) => el('span', {title: row.site}, row.site),
    },
    {
      id: 'requests',
      title: 'Requests',
      width: 11,
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
    latency('mean', 'Mean, ms', 12, mean, 1),
    latency('p50', 'Median, ms', 13, (row) => row.latency.p50_ns, 1),
    latency('p90', 'p90, ms', 12, (row) => row.latency.p90_ns),
    latency('p99', 'p99, ms', 12, (row) => row.latency.p99_ns, 1),
    latency('max', 'Max, ms', 12, (row) => row.latency.max_ns, 1),
    {
      id: 'on_cpu',
      title: 'On CPU, ms',
      width: 13,
      optional: 1,
      number: true,
      hint: 'Mean over the requests for which it is known',
      value: onCpu,
      cell: (row) => ms(onCpu(row)),
    },
    {
      id: 'sent',
      title: 'Sent',
      width: 11,
      optional: 1,
      number: true,
      value: (row) => row.latency.bytes_out,
      cell: (row) => bytes(row.latency.bytes_out),
    },
  ];
  return new TableView('Routes', columns, routes, {column: 'p90', descending: true}).element;
}
