// Camera of the graph: which part of it the window shows, moved by wheel, pinch, drag and keys.

const SMALLEST_SCALE = 0.002;
const LARGEST_SCALE = 4;
/** Pixels that a pointer may move in a click. */
const CLICK_SLACK = 5;
const FLIGHT = 160;

class Camera {
  /**
   * @param host Element that the graph fills.
   * @param moved Called after each change, with whether the scale changed.
   */
  constructor(host, moved) {
    this.host = host;
    this.moved = moved;
    this.x = 0;
    this.y = 0;
    this.scale = 1;
    this.width = 0;
    this.height = 0;
    this.flight = 0;
    this.pointers = new Map();
    this.travelled = 0;
    host.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    host.addEventListener("pointerdown", (event) => this.onDown(event));
    host.addEventListener("pointermove", (event) => this.onMove(event));
    for (const name of ["pointerup", "pointercancel"]) host.addEventListener(name, (event) => this.onUp(event));
  }

  /** Whether the last press was a drag, so that the click after it selects nothing. */
  get wasDrag() { return this.travelled > CLICK_SLACK; }

  resize() {
    this.width = this.host.clientWidth;
    this.height = this.host.clientHeight;
  }

  /** Return the part of the graph in the window, with a margin in pixels. */
  view(margin = 0) {
    const { x, y, scale } = this;
    return {
      left: (-x - margin) / scale, top: (-y - margin) / scale,
      right: (this.width - x + margin) / scale, bottom: (this.height - y + margin) / scale,
    };
  }

  set(x, y, scale) {
    cancelAnimationFrame(this.flight);
    const scaled = scale !== this.scale;
    Object.assign(this, { x, y, scale });
    this.moved(scaled);
  }

  pan(x, y) { this.set(this.x + x, this.y + y, this.scale); }

  /** Zoom around a point of the window, by default its centre. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(LARGEST_SCALE, Math.max(SMALLEST_SCALE, this.scale * factor));
    const ratio = scale / this.scale;
    this.set(x - (x - this.x) * ratio, y - (y - this.y) * ratio, scale);
  }

  /** Show the whole width of the graph from its top on. */
  fitWidth(width, height, pad = 24) {
    const scale = Math.min(1, Math.max(0.1, (this.width - 2 * pad) / width));
    const y = height * scale < this.height - 2 * pad ? (this.height - height * scale) / 2 : pad;
    this.set((this.width - width * scale) / 2, Math.min(y, 64), scale);
  }

  /** Show a graph at a scale, with a point of it in the middle, unless there would be more room than needed beside it. */
  start(scale, width, height, x, y, pad = 24) {
    const place = (middle, size, room) => size * scale < room - 2 * pad ? (room - size * scale) / 2
      : Math.min(pad, Math.max(room - pad - size * scale, room / 2 - middle * scale));
    this.set(place(x, width, this.width), place(y, height, this.height), scale);
  }

  /** Move a rectangle into the window by the shortest way; a small one is enlarged until it is legible. */
  reveal({ x, y, width, height }, legible = 0.7) {
    const scale = Math.max(this.scale, Math.min(legible, 1));
    const pad = 40;
    const ratio = scale / this.scale;
    const centreX = this.width / 2;
    const centreY = this.height / 2;
    let left = centreX - (centreX - this.x) * ratio;
    let top = centreY - (centreY - this.y) * ratio;
    const shift = (start, size, room) => {
      if (size > room - 2 * pad) return start > pad || start + size < room / 2 ? pad - start : 0;
      if (start < pad) return pad - start;
      return start + size > room - pad ? room - pad - start - size : 0;
    };
    left += shift(x * scale + left, width * scale, this.width);
    top += shift(y * scale + top, height * scale, this.height);
    this.fly(left, top, scale);
  }

  /** Move to a place within a moment, or at once for readers who want no motion. */
  fly(x, y, scale) {
    cancelAnimationFrame(this.flight);
    const from = { x: this.x, y: this.y, scale: this.scale };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.set(x, y, scale);
    const start = performance.now();
    const step = (now) => {
      const part = Math.min(1, (now - start) / FLIGHT);
      const eased = 1 - (1 - part) ** 3;
      const between = (a, b) => a + (b - a) * eased;
      this.set(between(from.x, x), between(from.y, y), between(from.scale, scale));
      if (part < 1) this.flight = requestAnimationFrame(step);
    };
    this.flight = requestAnimationFrame(step);
  }

  point(event) {
    const bounds = this.host.getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  }

  onWheel(event) {
    event.preventDefault();
    // Lines and pages of some mice, in pixels.
    const unit = [1, 16, this.height][event.deltaMode] || 1;
    if (event.shiftKey) return this.pan(-(event.deltaX || event.deltaY) * unit, 0);
    const { x, y } = this.point(event);
    const change = Math.max(-80, Math.min(80, event.deltaY * unit));
    // Pinching on a touch pad sends small changes, with the control key.
    this.zoom(Math.exp(-change * (event.ctrlKey ? 0.01 : 0.0025)), x, y);
  }

  onDown(event) {
    if (event.button > 0) return;
    if (!this.pointers.size) this.travelled = 0;
    this.pointers.set(event.pointerId, this.point(event));
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.point(event);
    this.travelled += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    // A click must reach what is under the pointer, so that the pointer is captured only in a drag.
    if (this.wasDrag && !this.host.hasPointerCapture(event.pointerId)) this.host.setPointerCapture(event.pointerId);
    if (this.pointers.size === 1) {
      this.pan(now.x - before.x, now.y - before.y);
    } else {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const distance = (a) => Math.hypot(a.x - other.x, a.y - other.y) || 1;
      this.zoom(distance(now) / distance(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
      this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    }
    this.pointers.set(event.pointerId, now);
  }

  onUp(event) { this.pointers.delete(event.pointerId); }
}
