// What was really closed by force, as circles on the candles: area grows with dollars.
import type { CanvasRenderingTarget2D } from "fancy-canvas";
import type {
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";

import type { Series } from "../api/types";
import type { Heat } from "../model/heat";
import { usd } from "../model/nominal";
import { bubbleRadius } from "../model/scale";
import type { Side } from "../model/view";

export interface Bubble {
  /** Place on the time axis: index of the column. */
  column: number;
  /** Where the price was then: the low for longs, the high for shorts. */
  price: number;
  usd: number;
  side: "long" | "short";
}

const LARGEST = 16;
const LEAST_SHARE = 0.02;
/** Circles nearer to each other than this are drawn as one, with the dollars of all. [px] */
const APART = 14;

export class BubblesPrimitive implements ISeriesPrimitive<Time> {
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private bubbles: readonly Bubble[] = [];
  /** The bubbles of so many columns drawn as one: made anew when that number changes. */
  private merged: { columns: number; bubbles: readonly Bubble[]; most: number } | null = null;
  private colours = { long: "#f00", short: "#0f0" };
  private readonly view: IPrimitivePaneView = {
    zOrder: () => "top",
    renderer: (): IPrimitivePaneRenderer => ({
      draw: (target) => {
        this.drawOn(target);
      },
    }),
  };

  attached(parameter: SeriesAttachedParameter<Time>): void {
    this.attachedTo = parameter;
  }

  detached(): void {
    this.attachedTo = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return [this.view];
  }

  show(bubbles: readonly Bubble[], colours: { long: string; short: string }): void {
    this.bubbles = bubbles;
    this.merged = null;
    this.colours = colours;
    this.attachedTo?.requestUpdate();
  }

  private drawOn(target: CanvasRenderingTarget2D): void {
    const { attachedTo } = this;
    if (!attachedTo || this.bubbles.length === 0) return;
    const scale = attachedTo.chart.timeScale();
    const visible = scale.getVisibleLogicalRange();
    if (!visible) return;
    const columns = columnsOf(scale.width() / Math.max(1, visible.to - visible.from));
    if (this.merged?.columns !== columns) {
      const bubbles = merge(this.bubbles, columns);
      const most = Math.max(...bubbles.map((bubble) => bubble.usd));
      const told = bubbles.filter((bubble) => bubble.usd >= LEAST_SHARE * most);
      this.merged = { columns, bubbles: told, most };
    }
    const { bubbles, most } = this.merged;
    target.useMediaCoordinateSpace(({ context }) => {
      context.lineWidth = 1.25;
      for (const side of ["long", "short"] as const) {
        context.fillStyle = this.colours[side];
        context.strokeStyle = this.colours[side];
        for (const bubble of bubbles) {
          if (bubble.side !== side) continue;
          if (bubble.column < visible.from - 1 || bubble.column > visible.to + 1) continue;
          const x = scale.logicalToCoordinate(bubble.column as never);
          const y = attachedTo.series.priceToCoordinate(bubble.price);
          if (x === null || y === null) continue;
          context.beginPath();
          context.arc(x, y, bubbleRadius(usd(bubble.usd), usd(most), LARGEST), 0, 2 * Math.PI);
          context.globalAlpha = 0.28;
          context.fill();
          context.globalAlpha = 0.95;
          context.stroke();
        }
      }
      context.globalAlpha = 1;
    });
  }
}

/** How many columns of a width [px] share a circle: a power of two, so that it is as steady as the grid. */
export function columnsOf(width: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(APART / Math.max(width, 1e-3))));
}

/**
 * Bubbles of so many columns as one, where most of its dollars were.
 *
 * Groups are counted from the first column on, so that none changes while the chart is moved.
 */
export function merge(bubbles: readonly Bubble[], columns: number): Bubble[] {
  if (columns <= 1) return [...bubbles];
  const found = new Map<string, { bubble: Bubble; largest: number }>();
  for (const one of bubbles) {
    const name = `${one.side} ${Math.floor(one.column / columns)}`;
    const held = found.get(name);
    if (!held) {
      found.set(name, { bubble: { ...one }, largest: one.usd });
      continue;
    }
    held.bubble.usd += one.usd;
    if (one.usd > held.largest) {
      held.largest = one.usd;
      held.bubble.column = one.column;
      held.bubble.price = one.price;
    }
  }
  return [...found.values()].map(({ bubble }) => bubble);
}

/** Liquidations of every column, where the price was pushed to. */
export function bubblesOf(series: Series, heat: Heat, side: Side): Bubble[] {
  const held = series.series.liquidations;
  if (!held) return [];
  const found: Bubble[] = [];
  for (const one of ["long", "short"] as const) {
    if (side !== "both" && side !== one) continue;
    const totals = new Map<number, number>();
    const dollars = one === "long" ? held.long_usd : held.short_usd;
    held.time_ms.forEach((end, i) => {
      const value = dollars[i] ?? 0;
      // A bar belongs where it ended, and one that ends on a border to the column before it.
      const column = value > 0 ? heat.columnAt(end - 1) : null;
      if (column !== null) totals.set(column, (totals.get(column) ?? 0) + value);
    });
    const pushed = one === "long" ? heat.candles.low : heat.candles.high;
    for (const [column, total] of totals) {
      found.push({ column, price: pushed[column]!, usd: total, side: one });
    }
  }
  return found;
}
