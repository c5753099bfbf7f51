// request.html#ID: one profiled request.
import {data, loadRequest, RequestPage} from './data';
import {el, figures, section} from './dom';
import {saveBytes, saveText} from './download';
import {bytes, clock, day, duration, UNKNOWN} from './format';
import {profileSections} from './profile_sections';
import {splitBar, splitLegend} from './time_split';
import {callsSection, timelineSection} from './timeline';

export async function showRequest(main: HTMLElement): Promise<null> {
  window.addEventListener('hashchange', () => location.reload());
  const id = location.hash.slice(1);
  if (!/^\d+$/.test(id)) {
    main.append(el('p', {}, 'Which request? ', el('a', {href: 'requests.html#page=1'}, 'Those with a profile')));
    return null;
  }
  let page: RequestPage;
  try {
    page = await loadRequest(id);
  } catch {
    main.append(
      el(
        'p',
        {class: 'notice'},
        `Request ${id} has no profile in this report. `,
        el('a', {href: 'requests.html#page=1'}, 'Those that have one'),
      ),
    );
    return null;
  }
  const {request} = page;
  const heading = main.querySelector('h1');
  document.title = `${request.method} ${request.target} · pinfo`;
  heading?.replaceChildren(el('span', {class: 'method'}, request.method), ` ${request.target}`);
  const calls = callsSection(page);
  const headers = headersSection(page);
  main.append(
    el('p', {class: 'lead verdict'}, page.verdict),
    el('div', {class: 'split-block'}, splitBar(request), splitLegend(request)),
    summary(page),
    timelineSection(page),
    ...(calls ? [calls] : []),
    ...profileSections(page.profile, `request-${id}`),
    ...(headers ? [headers] : []),
    files(page),
  );
  return null;
}

function summary(page: RequestPage): HTMLElement {
  const {request} = page;
  const status = request.status === 0 ? `no status (${request.outcome})` : `${request.status}, ${request.outcome}`;
  return figures([
    ['Latency', duration(request.latency_ns)],
    ['Status', status],
    ['Start', clock(request.start_us, 3), day(request.start_us)],
    ['First byte', duration(page.first_byte_ns), 'after the request began'],
    ['Queued', duration(page.queue_ns), 'before it was read'],
    ['Protocol', page.protocol === '' ? UNKNOWN : page.protocol, page.tls ? 'over TLS' : ''],
    ['Received', bytes(page.bytes_in)],
    ['Sent', bytes(request.bytes_out)],
    ['Process', page.process === '' ? String(request.pid) : page.process, `pid ${request.pid}, thread ${page.tid}`],
    ['Site', request.site === '' ? UNKNOWN : request.site],
    ['Route', request.route === '' ? UNKNOWN : request.route],
    ['Request id', String(request.id)],
  ]);
}

function headersSection({headers}: RequestPage): HTMLElement | null {
  return headers.length === 0
    ? null
    : section(
        'Header fields',
        el('p', {class: 'note'}, 'Those that pinfo keeps, in their order. Values that hold secrets are never stored.'),
        el('dl', {class: 'headers'}, ...headers.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
      );
}

function files(page: RequestPage): HTMLElement {
  return section(
    'Files',
    el(
      'ul',
      {class: 'files'},
      ...page.files.map(({name, what, base64, text}) =>
        el(
          'li',
          {},
          text === undefined ? saveBytes(name, name, base64 ?? '') : saveText(name, name, 'application/json', text),
          el('span', {class: 'note'}, what),
        ),
      ),
      data().report.live ? el('li', {class: 'note'}, `pinfo show ${page.request.id} tells the same in the terminal.`) : null,
    ),
  );
}
