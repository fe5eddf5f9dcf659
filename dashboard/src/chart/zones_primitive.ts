// Clusters as brackets at the right edge: where they lie, how far away, how much if touched.
import type { CanvasRenderingTarget2D } from "fancy-canvas";
import type {
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";

import type { Zone } from "../api/types";
import { formatSignedPercent, formatUsd } from "../model/format";

export interface ZoneColours {
  long: string;
  short: string;
  text: string;
  plate: string;
}

const LINE_HEIGHT = 15;

export class ZonesPrimitive implements ISeriesPrimitive<Time> {
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private zones: readonly Zone[] = [];
  private colours: ZoneColours = { long: "#f00", short: "#0f0", text: "#fff", plate: "#000" };
  private withBands = false;
  /** Width that something else takes at the right, such as the profile. [px] */
  private right = 0;
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

  show(zones: readonly Zone[], colours: ZoneColours, withBands: boolean, right: number): void {
    this.zones = zones;
    this.colours = colours;
    this.withBands = withBands;
    this.right = right;
    this.attachedTo?.requestUpdate();
  }

  private drawOn(target: CanvasRenderingTarget2D): void {
    const { attachedTo } = this;
    if (!attachedTo) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const edge = mediaSize.width - this.right - 6;
      context.font = "600 11px Inter, system-ui, sans-serif";
      context.textBaseline = "middle";
      const places: { zone: Zone; top: number; bottom: number; label: number }[] = [];
      for (const zone of this.zones) {
        if (!zone.major && zone.rank > 2) continue;
        const top = attachedTo.series.priceToCoordinate(zone.high);
        const bottom = attachedTo.series.priceToCoordinate(zone.low);
        if (top === null || bottom === null || bottom < 0 || top > mediaSize.height) continue;
        places.push({ zone, top, bottom, label: (top + bottom) / 2 });
      }
      for (const place of spread(places, mediaSize.height)) {
        const { zone, top, bottom, label } = place;
        const colour = zone.side === "long" ? this.colours.long : this.colours.short;
        context.strokeStyle = colour;
        context.lineWidth = 2;
        context.beginPath();
        context.moveTo(edge - 5, top);
        context.lineTo(edge, top);
        context.lineTo(edge, bottom);
        context.lineTo(edge - 5, bottom);
        context.stroke();
        const range = `${formatUsd(zone.notional_usd_low)}–${formatUsd(zone.notional_usd_high)}`;
        const amount = formatUsd(zone.notional_usd) + (this.withBands ? ` (${range})` : "");
        const words = `${formatSignedPercent(zone.distance_pct, 1)}  ${amount}`;
        const width = context.measureText(words).width + 12;
        context.fillStyle = this.colours.plate;
        context.globalAlpha = 0.82;
        context.beginPath();
        context.roundRect(edge - 10 - width, label - 8.5, width, 17, 4);
        context.fill();
        context.globalAlpha = 1;
        context.fillStyle = colour;
        context.fillRect(edge - 10 - width, label - 8.5, 2.5, 17);
        context.fillStyle = this.colours.text;
        context.fillText(words, edge - 4 - width, label + 0.5);
      }
    });
  }
}

/** Move labels apart so that none covers another, keeping their order; what does not fit is left out. */
export function spread<T extends { label: number }>(places: readonly T[], height: number): T[] {
  const ordered = [...places].sort((a, b) => a.label - b.label);
  const most = Math.max(0, Math.floor(height / LINE_HEIGHT) - 1);
  const kept = ordered.slice(0, most).map((place) => ({ ...place }));
  let least = LINE_HEIGHT / 2;
  for (const place of kept) {
    place.label = Math.max(place.label, least);
    least = place.label + LINE_HEIGHT + 3;
  }
  let greatest = height - LINE_HEIGHT / 2;
  for (const place of [...kept].reverse()) {
    place.label = Math.min(place.label, greatest);
    greatest = place.label - LINE_HEIGHT - 3;
  }
  return kept;
}
