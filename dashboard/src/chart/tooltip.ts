// What the crosshair points at, in words beside it.
// In: a `Reading`. Out: an element that follows the pointer. Free of the store.
import { formatPrice, formatSignedPercent, formatTime, formatUsd } from "../model/format";
import type { Reading } from "../model/reading";

const AWAY = 18;

export class Tooltip {
  private readonly element = document.createElement("div");
  private readonly seen = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      if (target === this.stage) this.room = { width: contentRect.width, height: contentRect.height };
    }
  });
  private said = "";
  // Sizes are kept, not asked for: asking would lay the whole page out in every frame.
  private room = { width: 0, height: 0 };
  private own = { width: 0, height: 0, rows: -1 };

  constructor(private readonly stage: HTMLElement) {
    this.element.className = "chart-tooltip";
    this.element.hidden = true;
    stage.append(this.element);
    this.seen.observe(stage);
  }

  hide(): void {
    if (!this.element.hidden) this.element.hidden = true;
  }

  show(reading: Reading, place: { x: number; y: number }, zone: string, tickSize: number): void {
    const rows = lines(reading, zone, tickSize);
    const said = rows.join("|");
    if (said !== this.said) {
      this.said = said;
      this.write(rows);
    }
    if (this.element.hidden) this.element.hidden = false;
    if (this.own.rows !== rows.length) {
      const { offsetWidth: width, offsetHeight: height } = this.element;
      this.own = { width, height, rows: rows.length };
    }
    const { own, room } = this;
    // On the side where there is room, and never under the finger.
    const isRight = place.x + AWAY + own.width <= room.width - 70;
    const left = isRight ? place.x + AWAY : place.x - AWAY - own.width;
    const top = Math.min(Math.max(4, place.y - own.height - AWAY), room.height - own.height - 4);
    this.element.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  }

  remove(): void {
    this.seen.disconnect();
    this.element.remove();
  }

  /** Rows that are there already are written over, not made anew. */
  private write(rows: readonly Row[]): void {
    while (this.element.childElementCount > rows.length) this.element.lastElementChild?.remove();
    rows.forEach(([kind, left, right], i) => {
      let line = this.element.children[i];
      if (!line) {
        line = document.createElement("div");
        line.append(document.createElement("span"), document.createElement("span"));
        this.element.append(line);
      }
      line.className = `tooltip-row tooltip-${kind}`;
      line.children[0]!.textContent = left;
      line.children[1]!.textContent = right;
    });
  }
}

/** What kind of row, its name, its figure. */
type Row = readonly [kind: string, left: string, right: string];

export function lines(reading: Reading, zone: string, tickSize: number): Row[] {
  const { candle, cell, standing } = reading;
  const found = [
    row("head", formatTime(reading.time, zone), ""),
    row("price", formatPrice(reading.price, tickSize), formatSignedPercent(reading.percent)),
  ];
  if (candle) {
    const { open, high, low, close } = candle;
    const of = (value: number): string => formatPrice(value, tickSize);
    found.push(row("candle", `${of(open)} → ${of(close)}`, `${of(low)} – ${of(high)}`));
  }
  if (cell) {
    const within = `stood in ${cell.binPercent.toFixed(2)} %`;
    if (cell.long > 0) found.push(row("long", `Longs, ${within}`, `≈ ${formatUsd(cell.long)}`));
    if (cell.short > 0) found.push(row("short", `Shorts, ${within}`, `≈ ${formatUsd(cell.short)}`));
    if (!(cell.long > 0 || cell.short > 0)) found.push(row("muted", "Nothing estimated here", ""));
  }
  if (standing) {
    const who = standing.side === "long" ? "Longs" : "Shorts";
    found.push(row("rule", `${who} standing at the end of the map`, ""));
    const range = `${formatUsd(standing.low)}–${formatUsd(standing.high)}`;
    found.push(row(standing.side, `At this price (${range})`, `≈ ${formatUsd(standing.usd)}`));
    for (const tier of standing.tiers) {
      if (tier.usd >= 0.005 * standing.usd && tier.usd > 0) {
        found.push(row("tier", tier.name, formatUsd(tier.usd)));
      }
    }
    found.push(row(standing.side, "From the mark to here", `≈ ${formatUsd(standing.cumulative)}`));
  }
  found.push(row("muted", "Estimates, if touched", ""));
  return found;
}

function row(kind: string, left: string, right: string): Row {
  return [kind, left, right];
}
