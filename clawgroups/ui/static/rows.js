// Rows of one height of which only those in sight are in the page. The one that holds the focus always is.
const SPARE = 6; // rows above and below what is in sight

export class Rows {
  /** `body` lies in `scroller` and is as high as all rows; `make()` gives an element, `write(element, item, index)` fills it. */
  constructor(scroller, body, { height, make, write }) {
    Object.assign(this, { scroller, body, height, make, write, items: [], active: null });
    this._elements = new Map();
    this._spare = [];
    this._place = new Map();
    this._scrolled = () => this.render();
    scroller.addEventListener("scroll", this._scrolled, { passive: true });
    this._size = new ResizeObserver(() => this.render());
    this._size.observe(scroller);
  }

  remove() {
    this.scroller.removeEventListener("scroll", this._scrolled);
    this._size.disconnect();
  }

  /** All rows in order; each has a `key`. */
  set(items) {
    this.items = items;
    this._place = new Map(items.map((item, index) => [item.key, index]));
    if (!this._place.has(this.active)) this.active = items[0]?.key ?? null;
    this.body.style.height = `${items.length * this.height}px`;
    this.render(true);
  }

  indexOf(key) {
    return this._place.get(key) ?? -1;
  }

  elementOf(key) {
    return this._elements.get(key);
  }

  /** The rows in sight: [first, last + 1]. */
  range() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.height));
    return [first, Math.min(this.items.length, Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / this.height))];
  }

  render(all = false) {
    const [first, last] = this.range();
    const wanted = new Set();
    for (let at = Math.max(0, first - SPARE); at < Math.min(this.items.length, last + SPARE); at++) wanted.add(this.items[at].key);
    if (this.active !== null) wanted.add(this.active);
    for (const [key, element] of this._elements)
      if (!wanted.has(key)) {
        this._elements.delete(key);
        if (element.contains(document.activeElement)) element.remove();
        else this._spare.push(element), (element.hidden = true);
      }
    for (const key of wanted) {
      const known = this._elements.has(key);
      if (!known) this._elements.set(key, this._take());
      if (!known || all) this._put(key);
    }
  }

  /** What these rows show has changed. */
  update(keys) {
    for (const key of keys) if (this._elements.has(key)) this._put(key);
  }

  /** Makes a row the one that the Tab key reaches, and brings it into sight. */
  activate(key, focus = true) {
    const index = this.indexOf(key);
    if (index < 0) return;
    const before = this.active;
    this.active = key;
    this.show(index);
    this.render();
    this.update([before, key]);
    if (focus) this._elements.get(key).focus({ preventScroll: true });
  }

  /** Takes the focus back when the drawer, which had it, has gone. */
  regain() {
    if (this.active !== null && document.activeElement?.closest(".drawer")) this.activate(this.active);
  }

  show(index) {
    const top = index * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.scroller.scrollTop = top + this.height - clientHeight;
  }

  _take() {
    const element = this._spare.pop() ?? this.make();
    element.hidden = false;
    if (!element.isConnected) this.body.append(element);
    return element;
  }

  _put(key) {
    const element = this._elements.get(key);
    const index = this._place.get(key);
    if (index === undefined) return;
    element.style.transform = `translateY(${index * this.height}px)`;
    element.tabIndex = key === this.active ? 0 : -1;
    element.dataset.key = key;
    this.write(element, this.items[index], index);
  }
}

/** Writes text only where it differs. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}
