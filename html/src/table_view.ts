// A sortable table that stays fluent with 100,000 rows: only the rows in sight are in the document,
// the others are two spacer rows. Rows have one height, so the scroll bar is exact.
//
// Keyboard: the header's buttons sort; the scroll area takes the focus and the scrolling keys.
import {Child, el} from './dom';

export interface Column<Row> {
  id: string;
  title: string;
  width: number; // in ch; the columns marked grow share what is left
  value: (row: Row) => number | string | null; // what it sorts by; null always comes last
  cell: (row: Row) => Child;
  grow?: boolean;
  number?: boolean; // right-aligned, sorts largest first
  // Above 0: left out where the columns do not fit, the largest first and of equals the rightmost.
  optional?: number;
  hint?: string;
}

export interface Sorting {
  column: string;
  descending: boolean;
}

const OVERSCAN = 12; // rows rendered beyond each edge
const PRINTED_ROWS = 1000;
const ASSUMED_ROW_HEIGHT = 31; // before the first row is measured; styles/table.css

export class TableView<Row> {
  readonly element: HTMLElement;
  private readonly area: HTMLElement; // scrolls
  private readonly table = el('table');
  private readonly leftOut = el('p', {class: 'note left-out'});
  private columns: Column<Row>[] = [];
  private body = el('tbody');
  private shown: Row[];
  private rowHeight = 0;
  private measuredWidth = 0;
  private rendered = new Map<number, HTMLTableRowElement>();
  private top = spacer();
  private bottom = spacer();
  private printing = false;
  private marked: Row | null = null;

  constructor(
    label: string,
    private readonly allColumns: Column<Row>[],
    private rows: Row[],
    private sorting: Sorting,
    private readonly onSort: (sorting: Sorting) => void = () => {},
  ) {
    this.shown = rows;
    this.table.append(el('caption', {class: 'hidden'}, label));
    this.area = el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label}, this.table);
    this.element = el('div', {}, this.area, this.leftOut);
    this.area.addEventListener('scroll', () => this.renderWindow(), {passive: true});
    new ResizeObserver(() => this.resized()).observe(this.area);
    window.addEventListener('beforeprint', () => this.print(true));
    window.addEventListener('afterprint', () => this.print(false));
    this.build();
    this.sort();
  }

  setRows(rows: Row[]): void {
    this.rows = rows;
    this.area.scrollTop = 0;
    this.sort();
  }

  // The same table with newer rows: what is in sight stays there.
  updateRows(rows: Row[]): void {
    this.rows = rows;
    this.sort();
  }

  // Scrolls to the row, marks it and gives the table the focus; false where it is not shown.
  reveal(row: Row): boolean {
    const index = this.shown.indexOf(row);
    if (index < 0) {
      return false;
    }
    this.marked = row;
    const height = this.rowHeight || ASSUMED_ROW_HEIGHT;
    this.area.scrollTop = Math.max(0, (index - 2) * height);
    for (const [at, element] of this.rendered) {
      element.remove();
      this.rendered.delete(at);
    }
    this.renderWindow();
    this.element.scrollIntoView({block: 'center'});
    this.area.focus({preventScroll: true});
    return true;
  }

  // The columns there is room for.
  private fit(): Column<Row>[] {
    const columns = [...this.allColumns];
    const before = this.table.style.minWidth;
    this.table.style.minWidth = '100ch';
    const ch = parseFloat(getComputedStyle(this.table).minWidth) / 100;
    this.table.style.minWidth = before;
    const room = this.area.clientWidth / ch;
    if (!(room > 0)) {
      return columns; // not in the document yet
    }
    while (columns.reduce((sum, {width}) => sum + width, 0) > room) {
      const rank = Math.max(...columns.map(({optional}) => optional ?? 0));
      if (rank === 0) {
        break;
      }
      columns.splice(columns.map(({optional}) => optional ?? 0).lastIndexOf(rank), 1);
    }
    return columns;
  }

  private nameLeftOut(): void {
    const names = this.allColumns.filter((column) => !this.columns.includes(column)).map(({title}) => title);
    this.leftOut.textContent = `Columns that do not fit here: ${names.join('; ')}.`;
    this.leftOut.hidden = names.length === 0;
  }

  private build(): void {
    this.columns = this.fit();
    this.nameLeftOut();
    const group = el('colgroup');
    const head = el('tr', {'aria-rowindex': '1'});
    let width = 0;
    for (const column of this.columns) {
      const col = el('col');
      if (!column.grow) {
        col.style.width = `${column.width}ch`;
      }
      width += column.width;
      group.append(col);
      const button = el('button', {type: 'button'}, column.title);
      button.addEventListener('click', () => this.toggleSort(column));
      const cell = el('th', {scope: 'col', 'data-column': column.id}, button);
      if (column.number) {
        cell.className = 'number';
      }
      if (column.hint) {
        cell.title = column.hint;
      }
      head.append(cell);
    }
    this.body = el('tbody', {}, this.top, this.bottom);
    this.rendered.clear();
    this.table.style.minWidth = `${width}ch`;
    const caption = this.table.caption;
    this.table.replaceChildren(...(caption ? [caption] : []), group, el('thead', {}, head), this.body);
    this.markSorting();
    this.renderWindow();
  }

  private toggleSort(column: Column<Row>): void {
    const same = this.sorting.column === column.id;
    this.sorting = {
      column: column.id,
      descending: same ? !this.sorting.descending : column.number === true,
    };
    this.onSort(this.sorting);
    this.sort();
  }

  private sort(): void {
    const column = this.allColumns.find(({id}) => id === this.sorting.column);
    if (column) {
      this.shown = sorted(this.rows, column.value, this.sorting.descending);
    }
    this.markSorting();
    this.table.setAttribute('aria-rowcount', String(this.rows.length + 1));
    for (const row of this.rendered.values()) {
      row.remove();
    }
    this.rendered.clear();
    this.renderWindow();
  }

  private markSorting(): void {
    for (const cell of this.table.querySelectorAll('th')) {
      if (cell.dataset['column'] === this.sorting.column) {
        cell.setAttribute('aria-sort', this.sorting.descending ? 'descending' : 'ascending');
      } else {
        cell.removeAttribute('aria-sort');
      }
    }
  }

  private print(printing: boolean): void {
    this.printing = printing;
    this.renderWindow();
  }

  private visibleRange(): [first: number, last: number] {
    if (this.printing) {
      return [0, Math.min(this.shown.length, PRINTED_ROWS)];
    }
    const height = this.rowHeight || ASSUMED_ROW_HEIGHT;
    const first = Math.floor(this.area.scrollTop / height) - OVERSCAN;
    const last = Math.ceil((this.area.scrollTop + this.area.clientHeight) / height) + OVERSCAN;
    return [Math.max(0, first), Math.min(this.shown.length, Math.max(last, 3 * OVERSCAN))];
  }

  private renderWindow(): void {
    const [first, last] = this.visibleRange();
    for (const [index, row] of this.rendered) {
      if (index < first || index >= last) {
        if (row.contains(document.activeElement)) {
          this.area.focus({preventScroll: true});
        }
        row.remove();
        this.rendered.delete(index);
      }
    }
    let before: Element = this.top;
    for (let index = first; index < last; index++) {
      const row = this.rendered.get(index) ?? this.renderRow(index);
      if (before.nextSibling !== row) {
        before.after(row);
      }
      before = row;
    }
    const height = this.measure();
    setHeight(this.top, first * height);
    setHeight(this.bottom, this.printing ? 0 : (this.shown.length - last) * height);
  }

  private renderRow(index: number): HTMLTableRowElement {
    const source = this.shown[index] as Row;
    // The header is row 1.
    const row = el('tr', {'aria-rowindex': String(index + 2), ...(source === this.marked ? {class: 'marked'} : {})});
    for (const column of this.columns) {
      const cell = el('td', column.number ? {class: 'number'} : {}, column.cell(source));
      row.append(cell);
    }
    this.rendered.set(index, row);
    return row;
  }

  // Once: heights of rendered rows differ by fractions of a pixel, which 100,000 rows multiply.
  private measure(): number {
    const row = this.rendered.values().next();
    if (this.rowHeight === 0 && !row.done) {
      this.rowHeight = row.value.getBoundingClientRect().height;
    }
    return this.rowHeight;
  }

  // The browser's zoom changes the height of a row, too, and always the width. A new height alone
  // does not: measuring again would move the end away under a scroll to it.
  private resized(): void {
    if (this.area.clientWidth !== this.measuredWidth) {
      this.measuredWidth = this.area.clientWidth;
      this.rowHeight = 0;
    }
    // Building anew would end a scroll that is under way.
    if (this.fit().length === this.columns.length) {
      this.renderWindow();
    } else {
      this.build();
    }
  }
}

function spacer(): HTMLTableRowElement {
  return el('tr', {'aria-hidden': 'true', class: 'spacer'}, el('td'));
}

function setHeight(row: HTMLTableRowElement, height: number): void {
  row.hidden = height === 0;
  row.style.height = `${Math.round(height)}px`;
}

export function sorted<Row>(
  rows: Row[],
  value: (row: Row) => number | string | null,
  descending: boolean,
): Row[] {
  const keys = numericKeys(rows.map(value));
  const order = Uint32Array.from(rows, (_, index) => index);
  const sign = descending ? -1 : 1;
  order.sort((left, right) => {
    const a = keys[left] ?? NaN;
    const b = keys[right] ?? NaN;
    if (a === b) {
      return left - right;
    }
    if (Number.isNaN(a) || Number.isNaN(b)) {
      return Number.isNaN(a) ? (Number.isNaN(b) ? left - right : 1) : -1;
    }
    return a < b ? -sign : sign;
  });
  return Array.from(order, (index) => rows[index] as Row);
}

// NaN for what is not known; texts as their places among all: rows have few, and comparing numbers is
// what makes sorting 100,000 rows a matter of a moment.
function numericKeys(values: (number | string | null)[]): Float64Array {
  const texts = [...new Set(values.filter((value) => typeof value === 'string'))].sort((a, b) => (a < b ? -1 : 1));
  const places = new Map(texts.map((text, place) => [text, place]));
  return Float64Array.from(values, (value) => (value === null ? NaN : typeof value === 'string' ? (places.get(value) ?? NaN) : value));
}
