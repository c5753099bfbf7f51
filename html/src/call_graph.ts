// The call graph of a profile, drawn by Graphviz from the DOT text that the report has. A node leads
// to its function in the table of functions.
import {loadScript, ProfileFunction} from './data';
import {el, section} from './dom';
import {showGraph} from './graph_view';
import {saveText} from './download';

const ELEMENTS = new Set(['g', 'polygon', 'polyline', 'path', 'ellipse', 'text', 'title']);
const ATTRIBUTES = new Set([
  'class',
  'cx',
  'cy',
  'd',
  'fill',
  'fill-opacity',
  'font-family',
  'font-size',
  'font-weight',
  'points',
  'rx',
  'ry',
  'stroke',
  'stroke-dasharray',
  'stroke-opacity',
  'stroke-width',
  'text-anchor',
  'transform',
  'x',
  'y',
]);

export function callGraphSection(
  dot: string,
  name: string,
  functions: ProfileFunction[],
  onFunction: (row: ProfileFunction) => void,
): HTMLElement {
  const body = el('div', {class: 'graph-body'}, el('p', {class: 'note', role: 'status'}, 'Drawing …'));
  const element = section(
    'Call graph',
    el('p', {class: 'note'}, 'Warm colours took more of the time. A function leads to its row in the table.'),
    body,
  );
  element.id = 'call-graph';
  const shown = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      shown.disconnect();
      void draw(body, dot, name, functions, onFunction);
    }
  });
  shown.observe(body);
  return element;
}

async function draw(
  body: HTMLElement,
  dot: string,
  name: string,
  functions: ProfileFunction[],
  onFunction: (row: ProfileFunction) => void,
): Promise<void> {
  try {
    if (!window.pinfoDrawDot) {
      await loadScript('assets/graphviz.js');
    }
    const text = (await window.pinfoDrawDot?.(dot)) ?? '';
    const svg = drawing(text);
    linkNodes(svg, functions, onFunction);
    const area = el('div', {class: 'drawing', role: 'region', 'aria-label': 'Call graph', tabindex: '0'});
    area.append(svg);
    body.replaceChildren(area);
    fitLabels(svg);
    showGraph(body, [
      saveText('DOT', `${name}.dot`, 'text/vnd.graphviz', dot),
      saveText('SVG', `${name}.svg`, 'image/svg+xml', text),
    ]);
  } catch (error) {
    body.replaceChildren(
      el('p', {}, `No drawing: ${String(error)}. `),
      saveText('DOT', `${name}.dot`, 'text/vnd.graphviz', dot),
    );
  }
}

// Labels are names out of other people's programs, so nothing of the document is taken on trust: only
// what a drawing needs is copied.
function drawing(text: string): SVGSVGElement {
  const root = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  if (root.localName !== 'svg') {
    throw new Error('Graphviz gave no picture');
  }
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', root.getAttribute('viewBox') ?? '');
  svg.setAttribute('role', 'group');
  svg.setAttribute('aria-label', 'Call graph');
  copyChildren(root, svg);
  return svg;
}

function copyChildren(from: Element, to: Element): void {
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      if (to.localName === 'text' || to.localName === 'title') {
        to.append(child.textContent ?? '');
      }
      continue;
    }
    if (!(child instanceof Element)) {
      continue;
    }
    if (child.localName === 'a') {
      copyChildren(child, to);
    } else if (ELEMENTS.has(child.localName)) {
      const copy = document.createElementNS('http://www.w3.org/2000/svg', child.localName);
      for (const {name, value} of child.attributes) {
        if (ATTRIBUTES.has(name)) {
          copy.setAttribute(name, value);
        }
      }
      copyChildren(child, copy);
      to.append(copy);
    }
  }
}

// Graphviz has reckoned with the widths of its own fonts.
function fitLabels(svg: SVGSVGElement): void {
  for (const node of svg.querySelectorAll<SVGGElement>('g.node')) {
    const box = node.querySelector<SVGGraphicsElement>('polygon')?.getBBox();
    for (const text of node.querySelectorAll('text')) {
      const room = (box?.width ?? 0) - 8;
      if (room > 0 && text.getComputedTextLength() > room) {
        text.setAttribute('textLength', String(room));
        text.setAttribute('lengthAdjust', 'spacingAndGlyphs');
      }
    }
  }
}

function linkNodes(
  svg: SVGSVGElement,
  functions: ProfileFunction[],
  onFunction: (row: ProfileFunction) => void,
): void {
  const rows = new Map(functions.map((row) => [String(row.node), row]));
  for (const node of svg.querySelectorAll<SVGGElement>('g.node')) {
    const title = node.querySelector('title');
    const row = rows.get(title?.textContent ?? '');
    if (!row || !title) {
      continue;
    }
    title.textContent = `${row.name}: to its row in the table`; // its accessible name, too
    node.setAttribute('tabindex', '0');
    node.setAttribute('role', 'button');
    node.addEventListener('click', () => onFunction(row));
    node.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        onFunction(row);
      }
    });
  }
  for (const title of svg.querySelectorAll('g.edge > title, g.graph > title')) {
    title.remove();
  }
}
