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

export class BubblesPrimitive implements ISeriesPrimitive<Time> {
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private bubbles: readonly Bubble[] = [];
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
    this.colours = colours;
    this.attachedTo?.requestUpdate();
  }

  private drawOn(target: CanvasRenderingTarget2D): void {
    const { attachedTo } = this;
    if (!attachedTo || this.bubbles.length === 0) return;
    const most = usd(Math.max(...this.bubbles.map((bubble) => bubble.usd)));
    const scale = attachedTo.chart.timeScale();
    const visible = scale.getVisibleLogicalRange();
    if (!visible) return;
    target.useMediaCoordinateSpace(({ context }) => {
      for (const bubble of this.bubbles) {
        if (bubble.usd < LEAST_SHARE * most) continue;
        if (bubble.column < visible.from - 1 || bubble.column > visible.to + 1) continue;
        const x = scale.logicalToCoordinate(bubble.column as never);
        const y = attachedTo.series.priceToCoordinate(bubble.price);
        if (x === null || y === null) continue;
        const radius = bubbleRadius(usd(bubble.usd), most, LARGEST);
        const colour = this.colours[bubble.side];
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.globalAlpha = 0.28;
        context.fillStyle = colour;
        context.fill();
        context.globalAlpha = 0.95;
        context.strokeStyle = colour;
        context.lineWidth = 1.25;
        context.stroke();
        context.globalAlpha = 1;
      }
    });
  }
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
