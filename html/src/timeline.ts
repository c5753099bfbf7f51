// When, within one request, its time went where: a lane for each thread with its samples and waits, a
// lane for calls to other servers.
import {scaleLinear} from 'd3-scale';
import {CalledServer, OutgoingCall, RequestPage, Timeline} from './data';
import {Child, el, section, svg} from './dom';
import {count, duration, plural} from './format';
import {Column, TableView} from './table_view';

const LEFT = 104;
const RIGHT = 14;
const LANE = 26;
const GAP = 8;
const TOP = 18;
const AXIS = 24;
const CALL_LANES = 8;
// As TimeKind of collector/profile/call_tree.h.
const KINDS = ['t-cpu', 't-blocked', 't-runqueue', 't-waiting', 't-unknown'];
const KIND_NAMES = ['on CPU', 'blocked', 'waiting for a CPU', 'waiting', 'unattributed'];

export function timelineSection(page: RequestPage): HTMLElement {
  const {timeline} = page;
  const area = el('div', {class: 'chart'});
  const draw = () => area.replaceChildren(picture(page, Math.max(area.clientWidth, 280)));
  new ResizeObserver(draw).observe(area);
  const parts: HTMLElement[] = [
    el('figure', {class: 'plot timeline'}, el('figcaption', {}, ...legend()), area),
  ];
  if (timeline.spans_left > 0) {
    parts.push(el('p', {class: 'note'}, `${plural(timeline.spans_left, 'sample')} more not drawn; the trace file has them.`));
  }
  if (timeline.spans.length === 0) {
    parts.push(
      el('p', {class: 'note'}, 'No stack was sampled within this request: it was shorter than a sampling period, or never waited for long.'),
    );
  }
  return section('Timeline', ...parts);
}

function legend(): Child[] {
  return KINDS.slice(0, 2).map((kind, index) =>
    el('span', {class: 'chart-key'}, el('span', {class: `key ${kind}`, 'aria-hidden': 'true'}), KIND_NAMES[index] ?? ''),
  );
}

function picture(page: RequestPage, width: number): SVGSVGElement {
  const {request, timeline, queue_ns, first_byte_ns} = page;
  const begin = -(queue_ns ?? 0) > -request.latency_ns ? -(queue_ns ?? 0) : -request.latency_ns;
  const end = Math.max(request.latency_ns, ...timeline.calls.map((call) => call.end_ns), 1);
  const x = scaleLinear([begin, end], [LEFT, width - RIGHT]);
  const tids = [...new Set([page.tid, ...timeline.spans.map(([, , , tid]) => tid)])];
  const callLanes = lanesOf(timeline.calls);
  const lanes = tids.length + Math.max(0, ...callLanes.map((lane) => lane + 1));
  const bottom = TOP + (lanes + 1) * (LANE + GAP);
  const ticks = x.ticks(Math.max(2, Math.floor((width - LEFT) / 110)));
  const rect = (kind: string, from: number, to: number, lane: number, title: string, least = 1) => {
    const left = x(from);
    return svg(
      'rect',
      {class: kind, x: left, y: laneTop(lane), width: Math.max(least, x(to) - left), height: LANE, rx: 2},
      svg('title', {}, title),
    );
  };
  const marks: Child[] = [
    ...ticks.map((ns) =>
      svg(
        'g',
        {},
        svg('line', {class: 'grid', x1: x(ns), x2: x(ns), y1: TOP - 4, y2: bottom}),
        svg('text', {x: x(ns), y: bottom + 16, 'text-anchor': 'middle'}, ns === 0 ? '0' : duration(ns, true)),
      ),
    ),
    laneLabel('request', 0),
    (queue_ns ?? 0) > 0 ? rect('t-queue', begin, 0, 0, `Queued for ${duration(queue_ns)} before it was read`) : null,
    rect('t-request', 0, request.latency_ns, 0, `The request: ${duration(request.latency_ns)}`),
    first_byte_ns === null
      ? null
      : svg(
          'g',
          {},
          svg('line', {class: 'percentile', x1: x(first_byte_ns), x2: x(first_byte_ns), y1: TOP - 4, y2: bottom}),
          svg('text', {x: Math.min(x(first_byte_ns), width - 40), y: TOP - 8, 'text-anchor': 'middle'}, 'first byte'),
        ),
    ...tids.flatMap((tid, at) => [
      laneLabel(`thread ${tid}`, at + 1),
      svg('rect', {class: 't-lane', x: x(0), y: laneTop(at + 1), width: Math.max(0, x(request.latency_ns) - x(0)), height: LANE, rx: 2}),
    ]),
    ...spans(page.timeline, tids, x, rect),
  ];
  if (timeline.calls.length > 0) {
    marks.push(laneLabel('calls', tids.length + 1));
    timeline.calls.forEach((call, index) => {
      marks.push(rect('t-call', call.begin_ns, call.end_ns, tids.length + 1 + (callLanes[index] ?? 0), callText(call), 2));
    });
  }
  return svg(
    'svg',
    {
      role: 'img',
      'aria-label': `Timeline of ${duration(request.latency_ns)} with ${count(timeline.spans.length)} samples and ${count(timeline.calls.length)} outgoing calls`,
      viewBox: `0 0 ${width} ${bottom + AXIS}`,
      width,
      height: bottom + AXIS,
    },
    ...marks,
  );
}

function spans(
  timeline: Timeline,
  tids: number[],
  x: (ns: number) => number,
  rect: (kind: string, from: number, to: number, lane: number, title: string) => SVGRectElement,
): Child[] {
  return timeline.spans.flatMap(([begin, end, kind, tid, name]) => {
    const lane = tids.indexOf(tid) + 1;
    const names = (timeline.names[name] ?? '').split('\n').filter((text) => text !== '');
    const title = `${KIND_NAMES[kind] ?? ''} ${duration(end - begin)}\n${names.join('\n\u2190 ')}`;
    const first = names[0] ?? '';
    const fits = Math.floor((x(end) - x(begin) - 8) / 6.4);
    return [
      rect(KINDS[kind] ?? 't-unknown', begin, end, lane, title),
      fits < 4 || first === ''
        ? null
        : svg(
            'text',
            {class: 'span-text', x: x(begin) + 4, y: laneTop(lane) + 17},
            first.length <= fits ? first : `${first.slice(0, fits - 1)}…`,
          ),
    ];
  });
}

function callText({peer, calls, begin_ns, end_ns, waited_ns}: OutgoingCall): string {
  return `${plural(calls, 'call')} to ${peer}: ${duration(end_ns - begin_ns)}${calls > 1 ? `, ${duration(waited_ns)} of it waiting` : ''}`;
}

// Calls at the same time stand below each other; more than these share the last lane.
function lanesOf(calls: OutgoingCall[]): number[] {
  const ends: number[] = [];
  return calls.map(({begin_ns, end_ns}) => {
    const free = ends.findIndex((end) => end <= begin_ns);
    const lane = Math.min(free < 0 ? ends.length : free, CALL_LANES - 1);
    ends[lane] = Math.max(ends[lane] ?? 0, end_ns);
    return lane;
  });
}

function laneTop(lane: number): number {
  return TOP + lane * (LANE + GAP);
}

function laneLabel(text: string, lane: number): Child {
  return svg('text', {x: LEFT - 10, y: laneTop(lane) + 17, 'text-anchor': 'end'}, text);
}

export function callsSection(page: RequestPage): HTMLElement | null {
  const {called} = page;
  if (called.length === 0) {
    return null;
  }
  const calls = called.reduce((sum, server) => sum + server.calls, 0);
  const waited = called.reduce((sum, server) => sum + server.waited_ns, 0);
  const drawn = page.timeline.calls.reduce((sum, span) => sum + span.calls, 0);
  const mean = (server: CalledServer) => server.waited_ns / server.calls;
  const columns: Column<CalledServer>[] = [
    {id: 'peer', title: 'Server', width: 26, grow: true, value: (s) => s.peer, cell: (s) => el('span', {title: s.peer}, s.peer)},
    {id: 'calls', title: 'Calls', width: 10, number: true, value: (s) => s.calls, cell: (s) => count(s.calls)},
    {id: 'waited', title: 'Waited', width: 12, number: true, value: (s) => s.waited_ns, cell: (s) => duration(s.waited_ns)},
    {id: 'mean', title: 'A call', width: 12, optional: 1, number: true, value: mean, cell: (s) => duration(mean(s))},
  ];
  return section(
    'Outgoing calls',
    el('p', {class: 'lead'}, `${plural(calls, 'call')} to other servers, ${duration(waited)} of waiting together.`),
    drawn < calls ? el('p', {class: 'note'}, `The timeline shows the first ${count(drawn)}.`) : null,
    new TableView('Outgoing calls', columns, called, {column: 'waited', descending: true}).element,
  );
}
