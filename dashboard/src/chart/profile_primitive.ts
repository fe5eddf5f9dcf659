// What stands at every price right now, on the chart's own price axis: tiers stacked, sums as lines.
import type { CanvasRenderingTarget2D } from "fancy-canvas";
import type {
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";

import type { Ladder, LadderSide } from "../api/types";

/** How wide a profile may be on a chart so wide. [px] */
export function profileWidth(chart: number): number {
  return Math.round(Math.min(150, Math.max(64, 0.14 * chart)));
}

export interface ProfileLook {
  long: string;
  short: string;
  /** Tiers that are shown, by their place in the ladder. */
  tiers: readonly boolean[];
  side: "both" | "long" | "short";
  bands: boolean;
  plate: string;
  /** [px] */
  width: number;
  linear: boolean;
}

/** Strips that stand in for a curve where the price axis is linear: bins are even in log price. */
const STRIPS = 32;
/** Free at the left of the longest bar. [px] */
const MARGIN = 8;

export class ProfilePrimitive implements ISeriesPrimitive<Time> {
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private ladder: Ladder | null = null;
  private look: ProfileLook | null = null;
  /** Bars as a picture, a row a bin; made anew when what is drawn changes, not in every frame. */
  private bars: { picture: OffscreenCanvas; most: number; ratio: number } | null = null;
  private totals: { long: number[]; short: number[] } = { long: [], short: [] };
  private readonly view: IPrimitivePaneView = {
    zOrder: () => "normal",
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

  show(ladder: Ladder | null, look: ProfileLook): void {
    this.ladder = ladder;
    this.look = look;
    this.bars = null;
    if (ladder) {
      this.totals = {
        long: shownUsd(ladder.sides.long, look.tiers),
        short: shownUsd(ladder.sides.short, look.tiers),
      };
    }
    this.attachedTo?.requestUpdate();
  }

  private get sides(): readonly ("long" | "short")[] {
    const side = this.look?.side ?? "both";
    return side === "both" ? ["long", "short"] : [side];
  }

  private drawOn(target: CanvasRenderingTarget2D): void {
    const { ladder, look, attachedTo } = this;
    if (!ladder || !look || !attachedTo) return;
    const { series } = attachedTo;
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: ratio, bitmapSize, mediaSize, verticalPixelRatio }) => {
      const most = this.visibleMost(ladder, mediaSize.height);
      if (!this.bars || this.bars.most !== most || this.bars.ratio !== ratio) {
        this.bars = { picture: this.paint(ladder, look, most, ratio), most, ratio };
      }
      const { picture } = this.bars;
      const left = bitmapSize.width - picture.width;
      context.fillStyle = look.plate;
      context.globalAlpha = 0.55;
      context.fillRect(left, 0, picture.width, bitmapSize.height);
      context.globalAlpha = 1;
      context.imageSmoothingEnabled = false;
      const bins = ladder.prices.length;
      const strips = look.linear ? STRIPS : 1;
      for (let strip = 0; strip < strips; strip += 1) {
        const low = Math.round((strip * bins) / strips);
        const high = Math.round(((strip + 1) * bins) / strips);
        const bottom = series.priceToCoordinate(ladder.edges[low]!);
        const top = series.priceToCoordinate(ladder.edges[high]!);
        if (bottom === null || top === null || high === low) continue;
        context.drawImage(
          picture,
          0,
          bins - high,
          picture.width,
          high - low,
          left,
          top * verticalPixelRatio,
          picture.width,
          (bottom - top) * verticalPixelRatio,
        );
      }
    });
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const side of this.sides) {
        const colour = side === "long" ? look.long : look.short;
        const room = look.width - MARGIN;
        this.drawSum(context, ladder, ladder.sides[side], colour, mediaSize.width, room, mediaSize.height);
      }
    });
  }

  /** Of what is visible: a giant far away must not flatten what is near. */
  private visibleMost(ladder: Ladder, height: number): number {
    const series = this.attachedTo!.series;
    const top = series.coordinateToPrice(0) ?? Infinity;
    const bottom = series.coordinateToPrice(height) ?? 0;
    let most = 1;
    for (let bin = 0; bin < ladder.prices.length; bin += 1) {
      const price = ladder.prices[bin]!;
      if (price < bottom || price > top) continue;
      for (const side of this.sides) {
        most = Math.max(most, this.totals[side][bin] ?? 0);
        // Ranges reach far above their estimates: half of one is room enough to see it.
        if (this.look?.bands) most = Math.max(most, (ladder.sides[side].high[bin] ?? 0) / 2);
      }
    }
    return most;
  }

  private paint(ladder: Ladder, look: ProfileLook, most: number, ratio: number): OffscreenCanvas {
    const bins = ladder.prices.length;
    const width = Math.round(look.width * ratio);
    const room = width - MARGIN * ratio;
    const picture = new OffscreenCanvas(width, bins);
    const context = picture.getContext("2d");
    if (!context) throw new Error("this browser gives no canvas to draw the profile on");
    for (const side of this.sides) {
      const one = ladder.sides[side];
      context.fillStyle = side === "long" ? look.long : look.short;
      for (let bin = 0; bin < bins; bin += 1) {
        if (!(this.totals[side][bin]! > 0)) continue;
        const row = bins - 1 - bin;
        let x = width;
        look.tiers.forEach((shown, tier) => {
          const part = one.by_tier_usd[tier]?.[bin] ?? 0;
          if (!shown || !(part > 0)) return;
          const long = Math.min(x, (part / most) * room);
          // Higher leverage is brighter: it stands nearer to being closed.
          context.globalAlpha = 0.15 + (0.85 * (tier + 1)) / look.tiers.length;
          context.fillRect(x - long, row, long, 1);
          x -= long;
        });
        if (look.bands && one.high[bin]! > 0) {
          const [low, high] = [one.low[bin]!, one.high[bin]!].map((usd) =>
            Math.min(room, (usd / most) * room),
          ) as [number, number];
          context.globalAlpha = 0.3;
          context.fillRect(width - high, row, high - low, 1);
        }
      }
    }
    return picture;
  }

  /** Everything between the mark and a price, from the mark outwards. */
  private drawSum(
    context: CanvasRenderingContext2D,
    ladder: Ladder,
    side: LadderSide,
    colour: string,
    right: number,
    room: number,
    height: number,
  ): void {
    const { long, short } = ladder.sides;
    let most = 1;
    for (const held of [long, short]) {
      for (const sum of held.cumulative_usd) most = Math.max(most, sum);
    }
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.setLineDash([3, 3]);
    context.beginPath();
    let begun = false;
    for (let bin = 0; bin < ladder.prices.length; bin += 1) {
      const sum = side.cumulative_usd[bin]!;
      const y = this.attachedTo?.series.priceToCoordinate(ladder.prices[bin]!) ?? null;
      if (y === null || y < -40 || y > height + 40 || !(sum > 0)) continue;
      const x = right - (sum / most) * room;
      if (begun) context.lineTo(x, y);
      else context.moveTo(x, y);
      begun = true;
    }
    context.stroke();
    context.setLineDash([]);
  }
}

/** Dollars per bin of the tiers that are shown. */
export function shownUsd(side: LadderSide, tiers: readonly boolean[]): number[] {
  return side.usd.map((_, bin) =>
    tiers.reduce((sum, shown, tier) => sum + (shown ? (side.by_tier_usd[tier]?.[bin] ?? 0) : 0), 0),
  );
}
