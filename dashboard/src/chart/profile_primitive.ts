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
}

export class ProfilePrimitive implements ISeriesPrimitive<Time> {
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private ladder: Ladder | null = null;
  private look: ProfileLook | null = null;
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
    this.attachedTo?.requestUpdate();
  }

  private drawOn(target: CanvasRenderingTarget2D): void {
    const { ladder, look, attachedTo } = this;
    if (!ladder || !look || !attachedTo) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const right = mediaSize.width;
      const left = right - look.width;
      context.fillStyle = look.plate;
      context.globalAlpha = 0.55;
      context.fillRect(left, 0, look.width, mediaSize.height);
      context.globalAlpha = 1;
      const sides = (["long", "short"] as const).filter(
        (side) => look.side === "both" || look.side === side,
      );
      const totals = sides.map((side) => shownUsd(ladder.sides[side], look.tiers));
      // Of what is visible: a giant far away must not flatten what is near.
      const top = attachedTo.series.coordinateToPrice(0) ?? Infinity;
      const bottom = attachedTo.series.coordinateToPrice(mediaSize.height) ?? 0;
      const isSeen = ladder.prices.map((price) => price >= bottom && price <= top);
      const most = Math.max(1, ...totals.flatMap((total) => total.filter((_, bin) => isSeen[bin])));
      const room = look.width - 8;
      sides.forEach((side, index) => {
        const one = ladder.sides[side];
        const colour = side === "long" ? look.long : look.short;
        const total = totals[index]!;
        for (let bin = 0; bin < total.length; bin += 1) {
          const usd = total[bin]!;
          if (!(usd > 0)) continue;
          const y1 = attachedTo.series.priceToCoordinate(ladder.edges[bin + 1]!);
          const y2 = attachedTo.series.priceToCoordinate(ladder.edges[bin]!);
          if (y1 === null || y2 === null || y2 < 0 || y1 > mediaSize.height) continue;
          let x = right;
          look.tiers.forEach((shown, tier) => {
            const part = one.by_tier_usd[tier]?.[bin] ?? 0;
            if (!shown || !(part > 0)) return;
            const width = (part / most) * room;
            context.fillStyle = colour;
            // Higher leverage is brighter: it stands nearer to being closed.
            context.globalAlpha = 0.15 + (0.85 * (tier + 1)) / look.tiers.length;
            context.fillRect(x - width, y1, width, Math.max(1, y2 - y1 - 0.4));
            x -= width;
          });
          if (look.bands && one.high[bin]! > 0) {
            context.globalAlpha = 0.75;
            context.strokeStyle = colour;
            context.lineWidth = 1;
            const y = (y1 + y2) / 2;
            const width = Math.min(room, (one.high[bin]! / most) * room);
            context.beginPath();
            context.moveTo(right - width, y);
            context.lineTo(right - Math.min(room, (one.low[bin]! / most) * room), y);
            context.stroke();
          }
        }
        context.globalAlpha = 1;
        this.drawSum(context, ladder, one, colour, right, room, mediaSize.height);
      });
    });
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
    const most = Math.max(1, ...long.cumulative_usd, ...short.cumulative_usd);
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
