// requests/ID.html: one profiled request. The writer has put its call graph into the page; links
// to its files are there too, because only the writer knows which of them exist.
import {data, ProfileFunction, RequestPage} from './data';
import {el, figures, section} from './dom';
import {bytes, clock, count, day, duration, ms, percent, plural, UNKNOWN} from './format';
import {showGraph} from './graph_view';
import {Column, TableView} from './table_view';
import {splitBar, splitLegend} from './time_split';

export function showRequest(): void {
  const {request: page} = data();
  const graph = document.querySelector<HTMLElement>('#call-graph');
  const heading = document.querySelector('h1');
  if (!page || !graph || !heading) {
    return;
  }
  const {request} = page;
  document.title = `${request.method} ${request.target} · pinfo`;
  heading.textContent = `${request.method} ${request.target}`;
  heading.after(summary(page), timeSplit(page));
  graph.after(functions(page));
  showGraph(graph);
}

function summary(page: RequestPage): HTMLElement {
  const {request} = page;
  const status = request.status === 0 ? `no status (${request.outcome})` : `${request.status}, ${request.outcome}`;
  return figures([
    ['Latency', duration(request.latency_ns)],
    ['Status', status],
    ['Start', clock(request.start_us, 3), day(request.start_us)],
    ['Site', request.site === '' ? UNKNOWN : request.site],
    ['Route', request.route === '' ? UNKNOWN : request.route],
    ['Protocol', page.protocol === '' ? UNKNOWN : page.protocol, page.tls ? 'over TLS' : ''],
    ['First byte', duration(page.first_byte_ns), 'after the request began'],
    ['Queued', duration(page.queue_ns), 'before it was read'],
    ['Received', bytes(page.bytes_in)],
    ['Sent', bytes(request.bytes_out)],
    ['Process', String(request.pid), `thread ${page.tid}`],
    ['Request id', String(request.id)],
  ]);
}

function timeSplit(page: RequestPage): HTMLElement {
  return section(
    'Where the time went',
    el('p', {class: 'lead verdict'}, page.verdict),
    splitBar(page.request),
    splitLegend(page.request),
  );
}

function functions(page: RequestPage): HTMLElement {
  const incomplete =
    page.samples_incomplete === 0
      ? ''
      : ` ${count(page.samples_incomplete)} of them could not be followed to the start of their thread: ${page.stack_ends}.`;
  return section(
    'Functions',
    el(
      'p',
      {},
      `From ${plural(page.samples, 'stack sample')} over ${duration(page.profile_ns)}.${incomplete} ` +
        'Names in brackets stand for time without a stack. The on-CPU time is exact; how it is spread over functions ' +
        'is as fine as the samples.',
    ),
    new TableView('Functions', columns(page), page.functions, {column: 'self', descending: true}).element,
    page.functions_left > 0
      ? el('p', {}, `${plural(page.functions_left, 'function')} with less time not listed; the .dot and .stats files have them.`)
      : null,
  );
}

function columns(page: RequestPage): Column<ProfileFunction>[] {
  const where = (f: ProfileFunction) => {
    const file = f.file === '' ? f.module : f.file;
    return f.file !== '' && f.line > 0 ? `${file}:${f.line}` : file;
  };
  return [
    {id: 'total', title: 'Total, ms', width: 13, number: true, value: (f) => f.total_ns, cell: (f) => ms(f.total_ns)},
    {
      id: 'total_share',
      title: 'Total',
      width: 9,
      number: true,
      value: (f) => f.total_ns,
      cell: (f) => percent(f.total_ns, page.profile_ns),
    },
    {id: 'self', title: 'Self, ms', width: 13, number: true, value: (f) => f.self_ns, cell: (f) => ms(f.self_ns)},
    {
      id: 'self_share',
      title: 'Self',
      width: 9,
      number: true,
      value: (f) => f.self_ns,
      cell: (f) => percent(f.self_ns, page.profile_ns),
    },
    {
      id: 'samples',
      title: 'Samples',
      width: 10,
      number: true,
      optional: 2,
      hint: 'Samples whose stack contains the function',
      value: (f) => f.samples,
      cell: (f) => count(f.samples),
    },
    {
      id: 'name',
      title: 'Function',
      width: 26,
      grow: true,
      value: (f) => f.name,
      cell: (f) => el('code', {title: f.name}, f.name),
    },
    {
      id: 'file',
      title: 'File',
      width: 30,
      optional: 1,
      value: where,
      cell: (f) => el('span', {title: `${where(f)}\n${f.module}`}, where(f)),
    },
  ];
}
