// Wheel, drag, pinch and tap on a surface that scrolls up and down by itself.
const STILL = 5; // px that a tap may move

export class Pointer {
  /** `left()` is where the surface begins; `zoom(by, share)`, `pan(share)` in parts of its width; `tap(x, y)`, `over(x, y, event)`, `out()`. */
  constructor(element, deeds) {
    Object.assign(this, { element, deeds, down: new Map(), moved: false });
    this.hears = {
      wheel: (event) => this.wheel(event), pointerdown: (event) => this.press(event), pointermove: (event) => this.move(event),
      pointerup: (event) => this.release(event, true), pointercancel: (event) => this.release(event, false), pointerleave: () => deeds.out(),
      dblclick: (event) => this.at(event) && deeds.zoom(0.5, this.at(event).share),
    };
    for (const [kind, hear] of Object.entries(this.hears)) element.addEventListener(kind, hear, { passive: false });
  }

  remove() {
    for (const [kind, hear] of Object.entries(this.hears)) this.element.removeEventListener(kind, hear);
  }

  /** Where on the surface; null beside it. */
  at({ clientX, clientY }) {
    const box = this.element.getBoundingClientRect();
    const x = clientX - box.left - this.deeds.left();
    const width = this.element.clientWidth - this.deeds.left();
    return x < 0 || x > width ? null : { x, y: clientY - box.top, share: x / width, width };
  }

  wheel(event) {
    const at = this.at(event);
    if (!at) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.deeds.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.008), at.share);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.deeds.pan((event.deltaX || event.deltaY) / at.width);
    }
  }

  press(event) {
    const at = this.at(event);
    if (!at || event.button > 0) return;
    this.down.set(event.pointerId, event);
    this.start = event;
    this.moved = this.down.size > 1;
  }

  move(event) {
    const before = this.down.get(event.pointerId);
    const at = this.at(event);
    if (!before) return at && event.pointerType === "mouse" ? this.deeds.over(at.x, at.y, event) : this.deeds.out();
    if (Math.hypot(event.clientX - this.start.clientX, event.clientY - this.start.clientY) > STILL && !this.moved) {
      this.moved = true;
      this.element.setPointerCapture(event.pointerId);
    }
    this.deeds.out();
    if (!this.moved || !at) return;
    const other = [...this.down.values()].find((one) => one.pointerId !== event.pointerId);
    if (other) {
      const apart = (one) => Math.max(12, Math.abs(one.clientX - other.clientX));
      this.deeds.zoom(apart(before) / apart(event), at.share);
    } else this.deeds.pan((before.clientX - event.clientX) / at.width);
    this.down.set(event.pointerId, event);
  }

  release(event, whole) {
    if (!this.down.delete(event.pointerId)) return;
    const at = this.at(event);
    if (whole && !this.moved && at) this.deeds.tap(at.x, at.y);
  }
}
