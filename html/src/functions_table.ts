// The functions of a profile.
import {Profile, ProfileFunction} from './data';
import {el} from './dom';
import {count, ms, percent} from './format';
import {Column, TableView} from './table_view';

export class FunctionsTable {
  readonly element: HTMLElement;
  private readonly table: TableView<ProfileFunction>;
  private readonly search: HTMLInputElement;

  constructor(private readonly profile: Profile) {
    this.table = new TableView('Functions', columns(profile), profile.functions, {column: 'self', descending: true});
    this.search = el('input', {type: 'search', placeholder: 'function, file or module', 'aria-label': 'Find functions'});
    this.search.addEventListener('input', () => this.filter());
    this.element = el('div', {}, el('div', {class: 'filter'}, el('label', {class: 'text'}, 'Find', this.search)), this.table.element);
  }

  reveal(row: ProfileFunction): void {
    if (!this.table.reveal(row)) {
      this.search.value = '';
      this.filter();
      this.table.reveal(row);
    }
  }

  private filter(): void {
    const text = this.search.value.toLowerCase();
    this.table.setRows(
      this.profile.functions.filter(({name, file, module}) => [name, file, module].some((part) => part.toLowerCase().includes(text))),
    );
  }
}

function columns(profile: Profile): Column<ProfileFunction>[] {
  const where = (f: ProfileFunction) => {
    const file = f.file === '' ? f.module : f.file;
    return f.file !== '' && f.line > 0 ? `${file}:${f.line}` : file;
  };
  const whole = profile.total_ns;
  return [
    {id: 'self', title: 'Self, ms', width: 13, number: true, value: (f) => f.self_ns, cell: (f) => ms(f.self_ns)},
    {
      id: 'self_share',
      title: 'Self',
      width: 8,
      number: true,
      optional: 3,
      value: (f) => f.self_ns,
      cell: (f) => percent(f.self_ns, whole),
    },
    {id: 'total', title: 'Total, ms', width: 13, number: true, optional: 1, value: (f) => f.total_ns, cell: (f) => ms(f.total_ns)},
    {
      id: 'total_share',
      title: 'Total',
      width: 8,
      number: true,
      value: (f) => f.total_ns,
      cell: (f) => percent(f.total_ns, whole),
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
    {id: 'name', title: 'Function', width: 20, grow: true, value: (f) => f.name, cell: (f) => el('code', {title: f.name}, f.name)},
    {
      id: 'file',
      title: 'File',
      width: 36,
      optional: 1,
      value: where,
      cell: (f) => el('span', {class: 'path', title: `${where(f)}\n${f.module}`}, el('bdi', {}, where(f))),
    },
  ];
}
