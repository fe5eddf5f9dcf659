// The heatmap behind the candles: coloured once into a bitmap, drawn with one call per frame.
import type { CanvasRenderingTarget2D } from "fancy-canvas";
import type {
  AutoscaleInfo,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  Logical,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";

import type { Heat } from "../model/heat";
import { bin, usd, type Usd } from "../model/nominal";
import { withRoom } from "../model/scale";

/** Strips that stand in for a curve where the price axis is linear: bins are even in log price. */
const STRIPS = 32;

export interface HeatLook {
  table: Uint8ClampedArray;
  sides: readonly ("long" | "short")[];
  /** Cells of less are not drawn. */
  threshold: Usd;
}

/** How much is left of cells that lie behind a candle, so that it stands out from heat. */
const BEHIND = 0.4;

export class HeatPrimitive implements ISeriesPrimitive<Time> {
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private bitmap: OffscreenCanvas | null = null;
  /** Whether the price axis is fitted to this; not while somebody chose its prices. */
  isFitted = true;
  private readonly view: IPrimitivePaneView = {
    zOrder: () => "bottom",
    renderer: () => this.renderer,
  };
  private readonly renderer: IPrimitivePaneRenderer = {
    draw: (target) => {
      this.drawOn(target);
    },
  };

  constructor(
    private heat: Heat | null = null,
    private look: HeatLook = { table: new Uint8ClampedArray(1024), sides: [], threshold: usd(0) },
    private linear = false,
  ) {}

  attached(parameter: SeriesAttachedParameter<Time>): void {
    this.attachedTo = parameter;
    this.colour();
  }

  detached(): void {
    this.attachedTo = null;
    this.bitmap = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return [this.view];
  }

  /** Not the candles alone: what stands beyond them is what a person came for. */
  autoscaleInfo(from: Logical, to: Logical): AutoscaleInfo | null {
    const { heat } = this;
    if (!heat || !this.isFitted) return null;
    const { low, high } = heat.candles;
    let [least, most] = [Infinity, 0];
    const end = Math.min(heat.columns - 1, Math.ceil(to));
    for (let column = Math.max(0, Math.floor(from)); column <= end; column += 1) {
      least = Math.min(least, low[column]!);
      most = Math.max(most, high[column]!);
    }
    if (!(least > 0) || !(most >= least)) return null;
    const [below, above] = withRoom(least, most);
    const [bottom, top] = [heat.priceOf(bin(0)), heat.priceOf(bin(heat.bins))];
    return {
      priceRange: {
        minValue: Math.min(least, Math.max(bottom, below)),
        maxValue: Math.max(most, Math.min(top, above)),
      },
    };
  }

  show(heat: Heat | null, look: HeatLook, linear: boolean): void {
    this.heat = heat;
    this.look = look;
    this.linear = linear;
    this.colour();
    this.attachedTo?.requestUpdate();
  }

  /** Colour the last column again, or one more: a line one pixel wide. */
  updateLast(): void {
    const { heat } = this;
    if (!heat) return;
    if (!this.bitmap || this.bitmap.width < heat.columns) {
      this.colour();
    } else {
      const context = this.bitmap.getContext("2d");
      context?.putImageData(this.image(heat.columns - 1, heat.columns), heat.columns - 1, 0);
    }
    this.attachedTo?.requestUpdate();
  }

  private colour(): void {
    const { heat } = this;
    if (!heat || heat.columns === 0) {
      this.bitmap = null;
      return;
    }
    // Room to grow: a live column must not cost a new bitmap.
    this.bitmap = new OffscreenCanvas(heat.columns + 64, heat.bins);
    this.bitmap.getContext("2d")?.putImageData(this.image(0, heat.columns), 0, 0);
  }

  private image(from: number, to: number): ImageData {
    const heat = this.heat!;
    const [columns, bins] = [to - from, heat.bins];
    const pixels = new Uint8ClampedArray(columns * bins * 4);
    const words = new Uint32Array(pixels.buffer);
    const colours = new Uint32Array(this.look.table.buffer.slice(0));
    const behind = new Uint32Array(fainter(this.look.table, BEHIND).buffer);
    const { high, low } = heat.candles;
    const rowOf = (value: number): number => Math.floor(Math.log(value / heat.lowest) / heat.width);
    for (let column = from; column < to; column += 1) {
      const cut = heat.byteFor(this.look.threshold, column);
      const [first, last] = [rowOf(low[column]!) - 1, rowOf(high[column]!) + 1];
      for (let plane = 0; plane < heat.planes.length; plane += 1) {
        const name = heat.planes[plane];
        if (name !== "both" && !this.look.sides.some((side) => side === name)) continue;
        const bytes = heat.plane(plane);
        const start = column * bins;
        for (let row = 0; row < bins; row += 1) {
          const byte = bytes[start + row]!;
          // The image's first row is the highest price.
          if (byte < cut) continue;
          const own = row >= first && row <= last ? behind : colours;
          words[(bins - 1 - row) * columns + column - from] = own[byte]!;
        }
      }
    }
    return new ImageData(pixels, columns, bins);
  }

  private drawOn(target: CanvasRenderingTarget2D): void {
    const { heat, bitmap, attachedTo } = this;
    if (!heat || !bitmap || !attachedTo) return;
    const { chart, series } = attachedTo;
    const scale = chart.timeScale();
    const visible = scale.getVisibleLogicalRange();
    if (!visible) return;
    const from = Math.max(0, Math.floor(visible.from));
    const to = Math.min(heat.columns, Math.ceil(visible.to) + 1);
    if (to <= from) return;
    // The scale knows whole columns alone; a column reaches half its width to either side.
    const first = scale.logicalToCoordinate(from as Logical);
    const end = scale.logicalToCoordinate(to as Logical);
    if (first === null || end === null) return;
    const half = (end - first) / (to - from) / 2;
    const [left, right] = [first - half, end - half];
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio, verticalPixelRatio }) => {
      context.imageSmoothingEnabled = false;
      const strips = this.linear ? STRIPS : 1;
      for (let strip = 0; strip < strips; strip += 1) {
        const low = Math.round((strip * heat.bins) / strips);
        const high = Math.round(((strip + 1) * heat.bins) / strips);
        const bottom = series.priceToCoordinate(heat.priceOf(bin(low)));
        const top = series.priceToCoordinate(heat.priceOf(bin(high)));
        if (bottom === null || top === null) continue;
        context.drawImage(
          bitmap,
          from,
          heat.bins - high,
          to - from,
          high - low,
          left * horizontalPixelRatio,
          top * verticalPixelRatio,
          (right - left) * horizontalPixelRatio,
          (bottom - top) * verticalPixelRatio,
        );
      }
    });
  }
}

/** The same colours, less solid. */
function fainter(table: Uint8ClampedArray, share: number): Uint8ClampedArray {
  return table.map((value, place) => (place % 4 === 3 ? value * share : value));
}
