// What the crosshair points at, in words beside it.
// In: a `Reading`. Out: an element that follows the pointer. Free of the store.
import { formatPrice, formatSignedPercent, formatTime, formatUsd } from "../model/format";
import type { Reading } from "../model/reading";

const AWAY = 18;

export class Tooltip {
  private readonly element = document.createElement("div");

  constructor(private readonly stage: HTMLElement) {
    this.element.className = "chart-tooltip";
    this.element.hidden = true;
    stage.append(this.element);
  }

  hide(): void {
    this.element.hidden = true;
  }

  show(reading: Reading, place: { x: number; y: number }, zone: string, tickSize: number): void {
    this.element.replaceChildren(...lines(reading, zone, tickSize));
    this.element.hidden = false;
    const { clientWidth: width, clientHeight: height } = this.stage;
    const { offsetWidth: own, offsetHeight: tall } = this.element;
    // On the side where there is room, and never under the finger.
    const left = place.x + AWAY + own > width - 70 ? place.x - AWAY - own : place.x + AWAY;
    const top = Math.min(Math.max(4, place.y - tall - AWAY), height - tall - 4);
    this.element.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  }

  remove(): void {
    this.element.remove();
  }
}

function lines(reading: Reading, zone: string, tickSize: number): HTMLElement[] {
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

function row(kind: string, left: string, right: string): HTMLElement {
  const line = document.createElement("div");
  line.className = `tooltip-row tooltip-${kind}`;
  const [name, figure] = [document.createElement("span"), document.createElement("span")];
  name.textContent = left;
  figure.textContent = right;
  line.append(name, figure);
  return line;
}
