// A profile as functions, call graph and flame graph: of a request and of a route.
import {callGraphSection} from './call_graph';
import {Profile} from './data';
import {el, section} from './dom';
import {count, duration, plural} from './format';
import {flameSection} from './flame_view';
import {FunctionsTable} from './functions_table';

// name: of the files that are saved.
export function profileSections(profile: Profile, name: string): HTMLElement[] {
  const table = new FunctionsTable(profile);
  const incomplete =
    profile.samples_incomplete === 0
      ? ''
      : ` ${count(profile.samples_incomplete)} of them could not be followed to the start of their thread: ${profile.stack_ends}.`;
  return [
    flameSection(profile.tree),
    callGraphSection(profile.dot, name, profile.functions, (row) => table.reveal(row)),
    section(
      'Functions',
      el(
        'p',
        {class: 'note'},
        `From ${plural(profile.samples, 'stack sample')} over ${duration(profile.total_ns)}.${incomplete} ` +
          'Names in brackets stand for time without a stack. The on-CPU time is exact; how it is spread over functions ' +
          'is as fine as the samples.',
      ),
      table.element,
      profile.functions_left > 0
        ? el('p', {class: 'note'}, `${plural(profile.functions_left, 'function')} with less time not listed.`)
        : null,
    ),
  ];
}
