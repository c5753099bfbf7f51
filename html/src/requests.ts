// requests.html: every request of the report, filtered and sorted. The choice is kept in the
// address's fragment, so that a link leads to the same rows.
import {data, decodeRequests, Request} from './data';
import {el} from './dom';
import {bytes, clock, count, day, ms, plural, time} from './format';
import {accepts, EMPTY_FILTER, Filter, readFilter, writeFilter} from './request_filter';
import {Column, Sorting, TableView} from './table_view';
import {splitBar, splitKeys} from './time_split';
import {View} from './view';

// The slowest first; of what goes on right now, the newest.
const DEFAULT_SORTING: Sorting = {column: data().report.live ? 'start' : 'latency', descending: true};

export function showRequests(main: HTMLElement): View {
  const {report} = data();
  let requests = decodeRequests(data());
  const parameters = new URLSearchParams(location.hash.slice(1));
  let filter = readFilter(parameters);
  let sorting = readSorting(parameters);

  const shown = el('output', {class: 'shown', 'aria-live': 'polite'});
  const remember = () => history.replaceState(null, '', `#${fragment(filter, sorting)}`);
  const table = new TableView('Requests', requestColumns(shapeOf(requests)), requests, sorting, (chosen) => {
    sorting = chosen;
    remember();
  });
  const apply = (update = false) => {
    const rows = requests.filter((request) => accepts(filter, request));
    if (update) {
      table.updateRows(rows);
    } else {
      table.setRows(rows);
    }
    shown.textContent =
      rows.length === requests.length
        ? plural(requests.length, 'request')
        : `${count(rows.length)} of ${plural(requests.length, 'request')}`;
  };
  const form = filterForm(requests, filter, (chosen) => {
    filter = chosen;
    remember();
    apply();
  });
  if (report.rows_left > 0) {
    main.append(
      el(
        'p',
        {class: 'notice'},
        `These are the ${count(report.rows)} ${report.live ? 'newest' : 'slowest'}; ${count(report.rows_left)} more rows are in the database.`,
      ),
    );
  }
  main.append(form, shown, splitKeys(), table.element);
  apply();
  return {
    update: () => {
      requests = decodeRequests(data());
      apply(true);
    },
  };
}

function readSorting(parameters: URLSearchParams): Sorting {
  const column = parameters.get('sort');
  if (column === null || !requestColumns({severalSites: true, severalDays: true}).some(({id}) => id === column)) {
    return DEFAULT_SORTING;
  }
  return {column, descending: parameters.get('order') !== 'ascending'};
}

function fragment(filter: Filter, sorting: Sorting): string {
  const parameters = writeFilter(filter);
  if (sorting.column !== DEFAULT_SORTING.column || !sorting.descending) {
    parameters.set('sort', sorting.column);
    parameters.set('order', sorting.descending ? 'descending' : 'ascending');
  }
  return parameters.toString();
}

interface Shape {
  severalSites: boolean;
  severalDays: boolean;
}

function shapeOf(requests: Request[]): Shape {
  const first = requests[0];
  return {
    severalSites: distinct(requests, (r) => r.site).length > 1,
    severalDays: first !== undefined && requests.some((r) => day(r.start_us) !== day(first.start_us)),
  };
}

export function requestColumns({severalSites, severalDays}: Shape): Column<Request>[] {
  const part = (id: string, title: string, hint: string, ns: (r: Request) => number | null) => ({
    id,
    title,
    hint,
    width: 10,
    optional: 5,
    number: true,
    value: ns,
    cell: (r: Request) => ms(ns(r)),
  });
  const site: Column<Request> = {
    id: 'site',
    title: 'Site',
    width: 18,
    optional: 4,
    value: (r) => r.site,
    cell: (r) => el('span', {title: r.site}, r.site),
  };
  return [
    {
      id: 'start',
      title: 'Start',
      width: severalDays ? 26 : 15,
      optional: 3,
      value: (r) => r.start_us,
      cell: (r) => el('span', {title: time(r.start_us, 6)}, severalDays ? time(r.start_us, 3) : clock(r.start_us, 3)),
    },
    {id: 'latency', title: 'Latency, ms', width: 12, number: true, value: (r) => r.latency_ns, cell: (r) => ms(r.latency_ns)},
    {
      id: 'split',
      title: 'Where the time went',
      hint: 'The colours are explained above the table. Sorts by the share on CPU.',
      width: 14,
      optional: 1,
      value: (r) => (r.on_cpu_ns === null || r.latency_ns === 0 ? null : r.on_cpu_ns / r.latency_ns),
      cell: splitBar,
    },
    {id: 'method', title: 'Method', width: 9, optional: 2, value: (r) => r.method, cell: (r) => r.method},
    {id: 'target', title: 'Target', width: 18, grow: true, value: (r) => r.target_place ?? r.target, cell: target},
    {id: 'status', title: 'Status', width: 9, value: (r) => r.status, cell: status},
    {
      id: 'process',
      title: 'Process',
      width: 9,
      optional: 1,
      number: true,
      hint: 'Process id: tells a proxy from the server behind it',
      value: (r) => r.pid,
      cell: (r) => String(r.pid),
    },
    ...(severalSites ? [site] : []),
    part('on_cpu', 'On CPU, ms', 'Running code', (r) => r.on_cpu_ns),
    part('blocked', 'Blocked, ms', 'Asleep: a lock, a file, a socket, a timer', (r) => r.blocked_ns),
    part('runqueue', 'Queued, ms', 'Ready to run, waiting for a CPU', (r) => r.runqueue_ns),
    {
      id: 'sent',
      title: 'Sent',
      width: 10,
      optional: 6,
      number: true,
      value: (r) => r.bytes_out,
      cell: (r) => bytes(r.bytes_out),
    },
    {
      id: 'samples',
      title: 'Samples',
      width: 10,
      optional: 7,
      number: true,
      value: (r) => r.samples,
      cell: (r) => count(r.samples),
    },
  ];
}

function target(request: Request): HTMLElement {
  return request.page
    ? el('a', {href: `request.html#${request.id}`, title: request.target}, request.target)
    : el('span', {title: request.target}, request.target);
}

function status(request: Request): HTMLElement {
  const text = request.status === 0 ? request.outcome : String(request.status);
  const failed = request.status >= 500 || request.outcome === 'aborted';
  return el('span', {title: request.outcome, ...(failed ? {class: 'bad'} : {})}, text);
}

function filterForm(requests: Request[], initial: Filter, onChange: (filter: Filter) => void): HTMLElement {
  const filter = {...EMPTY_FILTER, ...initial};
  const changed = () => onChange({...filter});
  const text = el('input', {type: 'search', name: 'text', placeholder: 'target, route or site'});
  text.value = filter.text;
  text.addEventListener('input', () => {
    filter.text = text.value;
    changed();
  });
  const slower = el('input', {type: 'number', name: 'slower', min: '0', step: 'any', inputmode: 'decimal'});
  slower.value = filter.slower_ms === null ? '' : String(filter.slower_ms);
  slower.addEventListener('input', () => {
    filter.slower_ms = slower.value === '' ? null : Number(slower.value);
    changed();
  });
  const pick = (key: 'site' | 'route' | 'method' | 'status', all: string, values: string[]) =>
    select(key, all, values, filter[key], (value) => {
      filter[key] = value;
      changed();
    });
  const tick = (key: 'failed' | 'page', label: string) => {
    const box = el('input', {type: 'checkbox', name: key});
    box.checked = filter[key];
    box.addEventListener('change', () => {
      filter[key] = box.checked;
      changed();
    });
    return el('label', {class: 'tick'}, box, label);
  };
  const form = el(
    'form',
    {class: 'filter', role: 'search', 'aria-label': 'Filter requests'},
    el('label', {class: 'text'}, 'Contains', text),
    el('label', {}, 'Site', pick('site', 'all', distinct(requests, (r) => r.site))),
    el('label', {}, 'Route', pick('route', 'all', distinct(requests, (r) => r.route))),
    el('label', {}, 'Method', pick('method', 'all', distinct(requests, (r) => r.method))),
    el('label', {}, 'Status', pick('status', 'all', distinct(requests, (r) => String(r.status)))),
    el('label', {}, 'Slower than, ms', slower),
    tick('failed', 'Failed'),
    tick('page', 'With a profile'),
  );
  form.addEventListener('submit', (event) => event.preventDefault());
  return form;
}

function select(
  name: string,
  all: string,
  values: string[],
  chosen: string | null,
  onChange: (value: string | null) => void,
): HTMLSelectElement {
  // The index, not the text, is the option's value: a site may be the empty string.
  const options = chosen === null || values.includes(chosen) ? values : [chosen, ...values];
  const element = el('select', {name}, el('option', {value: ''}, all));
  options.forEach((value, index) => {
    element.append(el('option', {value: String(index)}, value === '' ? '(none)' : value));
  });
  element.value = chosen === null ? '' : String(options.indexOf(chosen));
  element.addEventListener('change', () => {
    onChange(element.value === '' ? null : (options[Number(element.value)] ?? null));
  });
  return element;
}

// A select of more entries than this is no help, and building it would be slow.
const MOST_OPTIONS = 500;

function distinct(requests: Request[], value: (request: Request) => string): string[] {
  const values = new Set<string>();
  for (const request of requests) {
    values.add(value(request));
    if (values.size >= MOST_OPTIONS) {
      break;
    }
  }
  return [...values].sort();
}
