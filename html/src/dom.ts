// Builds elements. Text goes in as text nodes alone: there is no way here to make markup of data.

export type Child = Node | string | null;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  append(element, children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number> = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

function append(parent: Element, children: Child[]): void {
  for (const child of children) {
    if (child !== null) {
      parent.append(child);
    }
  }
}

export function section(title: string, ...children: Child[]): HTMLElement {
  return el('section', {}, el('h2', {}, title), ...children);
}

// A list of named figures.
export function figures(items: [name: string, value: string, note?: string][]): HTMLElement {
  return el(
    'dl',
    {class: 'figures'},
    ...items.map(([name, value, note]) =>
      el('div', {}, el('dt', {}, name), el('dd', {}, value), note ? el('dd', {class: 'note'}, note) : null),
    ),
  );
}
