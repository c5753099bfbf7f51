// Where a request's time went, as one bar. The same four kinds as TimeKind of the collector.
import {el} from './dom';
import {duration, percent} from './format';

export interface TimeSplit {
  latency_ns: number;
  on_cpu_ns: number | null;
  blocked_ns: number | null;
  runqueue_ns: number | null;
  waiting_ns: number | null;
}

interface Part {
  kind: string;
  name: string;
  explanation: string;
  ns: number | null;
}

function parts(split: TimeSplit): Part[] {
  return [
    {kind: 'on-cpu', name: 'On CPU', explanation: 'running code', ns: split.on_cpu_ns},
    {
      kind: 'blocked',
      name: 'Blocked',
      explanation: 'asleep: a lock, a file, a socket, a timer',
      ns: split.blocked_ns,
    },
    {
      kind: 'runqueue',
      name: 'Waiting for a CPU',
      explanation: 'ready to run, the CPUs were busy',
      ns: split.runqueue_ns,
    },
    {
      kind: 'waiting',
      name: 'Waiting',
      explanation: 'open, while its thread did something else or waited for input',
      ns: split.waiting_ns,
    },
  ];
}

function known(split: TimeSplit): boolean {
  return parts(split).some(({ns}) => ns !== null);
}

export function splitText(split: TimeSplit): string {
  if (!known(split)) {
    return 'where the time went is not known';
  }
  return parts(split)
    .filter(({ns}) => ns !== null && ns > 0)
    .map(({name, ns}) => `${name.toLowerCase()} ${percent(ns ?? 0, split.latency_ns)}`)
    .join(', ');
}

export function splitBar(split: TimeSplit): HTMLElement {
  const text = splitText(split);
  const bar = el('div', {class: 'split', role: 'img', 'aria-label': text, title: text});
  if (!known(split)) {
    bar.classList.add('unknown');
    return bar;
  }
  for (const {kind, ns} of parts(split)) {
    if (ns !== null && ns > 0 && split.latency_ns > 0) {
      const piece = el('span', {class: kind});
      piece.style.width = `${Math.min(100, (100 * ns) / split.latency_ns)}%`;
      bar.append(piece);
    }
  }
  return bar;
}

export function splitLegend(split: TimeSplit): HTMLElement {
  return el(
    'dl',
    {class: 'legend'},
    ...parts(split).map(({kind, name, explanation, ns}) =>
      el(
        'div',
        {},
        el('dt', {}, el('span', {class: `key ${kind}`, 'aria-hidden': 'true'}), name),
        el('dd', {}, `${duration(ns)}${ns === null ? '' : ` · ${percent(ns, split.latency_ns)}`}`),
        el('dd', {class: 'note'}, explanation),
      ),
    ),
  );
}

// What the colours of bars mean, in one line.
export function splitKeys(): HTMLElement {
  const none = {latency_ns: 0, on_cpu_ns: null, blocked_ns: null, runqueue_ns: null, waiting_ns: null};
  const keys = parts(none).map(({kind, name, explanation}) =>
    el('span', {class: 'split-key', title: explanation}, el('span', {class: `key ${kind}`, 'aria-hidden': 'true'}), name),
  );
  const unknown = el('span', {class: 'split-key'}, el('span', {class: 'key split unknown', 'aria-hidden': 'true'}), 'not known');
  return el('p', {class: 'split-keys'}, 'Where the time went: ', ...keys, unknown);
}
