// processes.html, and the overview's newest processes.
import {data, Process} from './data';
import {el} from './dom';
import {bytes, count, ms, plural, time, UNKNOWN} from './format';
import {Column, TableView} from './table_view';
import {View} from './view';

export function showProcesses(main: HTMLElement): View {
  const lead = el('p', {class: 'lead'});
  const table = processTable([]);
  const update = () => {
    const {processes = []} = data();
    const alive = processes.filter((p) => p.alive === 'yes').length;
    lead.textContent = `${plural(processes.length, 'process', 'processes')} seen, ${count(alive)} alive ${data().report.live ? 'now' : 'when this was written'}.`;
    table.updateRows(processes);
  };
  update();
  main.append(lead, table.element);
  return {update};
}

function state(row: Process): string {
  if (row.end_us !== null) {
    return row.exit ?? 'ended';
  }
  return row.alive === 'yes' ? 'alive' : row.alive === 'no' ? 'gone, unseen' : 'not known';
}

function threads(row: Process): string {
  if (row.min_threads === null || row.max_threads === null) {
    return UNKNOWN;
  }
  return row.min_threads === row.max_threads
    ? count(row.max_threads)
    : `${count(row.min_threads)}–${count(row.max_threads)}`;
}

export function processTable(processes: Process[]): TableView<Process> {
  const columns: Column<Process>[] = [
    {id: 'pid', title: 'Pid', width: 8, number: true, value: (p) => p.pid, cell: (p) => String(p.pid)},
    {id: 'comm', title: 'Name', width: 14, value: (p) => p.comm, cell: (p) => el('span', {title: p.exe}, p.comm)},
    {
      id: 'argv',
      title: 'Command line',
      width: 24,
      grow: true,
      optional: 2,
      value: (p) => p.argv,
      cell: (p) => el('span', {title: `${p.argv}\nin ${p.cwd}`}, p.argv),
    },
    {id: 'start', title: 'Start', width: 21, optional: 3, value: (p) => p.start_us, cell: (p) => time(p.start_us)},
    {
      id: 'runtime',
      title: 'Runtime',
      width: 20,
      optional: 5,
      value: (p) => p.runtime,
      cell: (p) => el('span', {title: p.runtime}, p.runtime === '' ? UNKNOWN : p.runtime),
    },
    {
      id: 'listen',
      title: 'Listens on',
      width: 18,
      optional: 4,
      value: (p) => p.listen,
      cell: (p) => el('span', {title: p.listen}, p.listen === '' ? UNKNOWN : p.listen),
    },
    {id: 'state', title: 'State', width: 15, optional: 2, value: state, cell: state},
    {id: 'mode', title: 'Seen by', width: 13, optional: 6, value: (p) => p.mode, cell: (p) => p.mode},
    {id: 'requests', title: 'Requests', width: 11, number: true, value: (p) => p.requests, cell: (p) => count(p.requests)},
    {
      id: 'user',
      title: 'User, ms',
      width: 12,
      number: true,
      optional: 4,
      value: (p) => p.user_cpu_ns,
      cell: (p) => ms(p.user_cpu_ns),
    },
    {
      id: 'system',
      title: 'System, ms',
      width: 12,
      number: true,
      optional: 4,
      value: (p) => p.system_cpu_ns,
      cell: (p) => ms(p.system_cpu_ns),
    },
    {
      id: 'rss',
      title: 'Peak memory',
      width: 11,
      optional: 1,
      number: true,
      value: (p) => p.max_rss_bytes,
      cell: (p) => bytes(p.max_rss_bytes),
    },
    {id: 'threads', title: 'Threads', width: 9, number: true, optional: 5, value: (p) => p.max_threads, cell: threads},
  ];
  return new TableView('Processes', columns, processes, {column: 'start', descending: true});
}
