// monitors.html: what is wrong first, since when, and how it was before.
import {data, Monitor, MonitorChange} from './data';
import {el, section} from './dom';
import {count, longTime, plural, time} from './format';
import {Column, TableView} from './table_view';
import {View} from './view';

// enum Level of collector/config/configuration.h, and what is worse.
const LEVELS = ['fine', 'warning', 'problem', 'unknown'];
const WORST_FIRST = [2, 3, 1, 0];

export function showMonitors(main: HTMLElement): View {
  const lead = el('p', {class: 'lead'});
  const messages = el('p', {class: 'note'});
  const groups = el('div', {});
  const changes = changeTable();
  const update = () => {
    const {monitoring} = data();
    const monitors = monitoring?.monitors ?? [];
    lead.textContent =
      monitors.length === 0
        ? 'There are no monitors.'
        : `${plural(monitors.length, 'monitor')}: ${WORST_FIRST.map((level) => [level, monitors.filter((m) => m.level === level).length] as const)
            .filter(([, number]) => number > 0)
            .map(([level, number]) => `${count(number)} ${LEVELS[level] ?? ''}`)
            .join(', ')}.`;
    const sent = monitoring?.messages;
    messages.textContent = sent
      ? `Messages: ${count(sent.sent)} sent of late, ${count(sent.waiting)} waiting, ${count(sent.given_up)} given up.` +
        (sent.last_error === '' ? '' : ` The last one that waits: ${sent.last_error}`)
      : '';
    const names = [...new Set(monitors.map(({group}) => group))].sort((a, b) => worst(monitors, a) - worst(monitors, b));
    groups.replaceChildren(...names.map((name) => groupSection(name, monitors.filter(({group}) => group === name))));
    changes.updateRows(monitoring?.changes ?? []);
  };
  update();
  main.append(lead, legend(), groups, section('Changes', messages, changes.element));
  return {update};
}

function rank(level: number): number {
  const place = WORST_FIRST.indexOf(level);
  return place < 0 ? WORST_FIRST.length : place;
}

function worst(monitors: Monitor[], group: string): number {
  return Math.min(...monitors.filter((m) => m.group === group).map(({level}) => rank(level)));
}

function badge(level: number): HTMLElement {
  const name = LEVELS[level] ?? 'unknown';
  return el('span', {class: `level level-${name}`}, name);
}

function legend(): HTMLElement {
  return el('p', {class: 'levels'}, el('span', {class: 'note'}, 'Levels, worst first:'), ...WORST_FIRST.map(badge));
}

function groupSection(name: string, monitors: Monitor[]): HTMLElement {
  const sorted = [...monitors].sort((a, b) => rank(a.level) - rank(b.level) || (a.title < b.title ? -1 : 1));
  return section(name === '' ? 'Without a group' : name, el('ul', {class: 'monitors'}, ...sorted.map(monitorItem)));
}

function value(monitor: Monitor): string {
  const number = (n: number | null) => (n === null ? '–' : `${Number(n.toPrecision(4))}${monitor.unit === '' ? '' : ` ${monitor.unit}`}`);
  const limits = [
    monitor.warning === null ? '' : `warning at ${number(monitor.warning)}`,
    monitor.problem === null ? '' : `problem at ${number(monitor.problem)}`,
  ].filter((text) => text !== '');
  return `${number(monitor.value)}${limits.length === 0 ? '' : ` (${limits.join(', ')})`}`;
}

function monitorItem(monitor: Monitor): HTMLElement {
  const {report} = data();
  const now = report.live ? Date.now() * 1000 : report.written_us;
  return el(
    'li',
    {class: 'monitor'},
    el('div', {class: 'monitor-head'}, badge(monitor.level), el('h3', {}, monitor.title === '' ? monitor.name : monitor.title)),
    el('p', {class: 'monitor-text'}, monitor.text),
    monitor.description === '' ? null : el('p', {class: 'note'}, monitor.description),
    el(
      'p',
      {class: 'note'},
      `Since ${time(monitor.since_us)} (${longTime(Math.max(0, now - monitor.since_us) * 1000)}), looked at ${time(monitor.checked_us)}. Value: ${value(monitor)}.`,
    ),
    history(monitor, now),
  );
}

// Its levels over time, as far back as changes are kept.
function history(monitor: Monitor, now: number): HTMLElement | null {
  const changes = (data().monitoring?.changes ?? []).filter(({name}) => name === monitor.name).sort((a, b) => a.us - b.us);
  const first = changes[0];
  const span = first ? now - first.us : 0;
  if (!first || span <= 0) {
    return null;
  }
  const text = `Since ${time(first.us)}: ${changes.map(({us, level}) => `${LEVELS[level] ?? ''} from ${time(us)}`).join(', ')}`;
  const strip = el('div', {class: 'history', role: 'img', 'aria-label': text});
  changes.forEach((change, index) => {
    const end = changes[index + 1]?.us ?? now;
    const piece = el('span', {class: `level-${LEVELS[change.level] ?? 'unknown'}`, title: `${LEVELS[change.level] ?? ''} from ${time(change.us)}: ${change.text}`});
    piece.style.width = `${(100 * Math.max(0, end - change.us)) / span}%`;
    strip.append(piece);
  });
  return el('div', {}, strip, el('div', {class: 'history-ends note'}, el('span', {}, time(first.us)), el('span', {}, data().report.live ? 'now' : time(now))));
}

function changeTable(): TableView<MonitorChange> {
  const columns: Column<MonitorChange>[] = [
    {id: 'time', title: 'Time', width: 21, value: (c) => c.us, cell: (c) => time(c.us)},
    {id: 'level', title: 'Level', width: 11, value: (c) => rank(c.level), cell: (c) => badge(c.level)},
    {id: 'monitor', title: 'Monitor', width: 22, value: (c) => c.name, cell: (c) => el('span', {title: c.name}, c.name)},
    {id: 'text', title: 'What', width: 30, grow: true, optional: 1, value: (c) => c.text, cell: (c) => el('span', {title: c.text}, c.text)},
  ];
  return new TableView('Changes of level', columns, [], {column: 'time', descending: true});
}
