// What a person looks at, as a link that brings it back.
import { PALETTES, type PaletteName } from "./palette";
import { HORIZONS, type Horizon } from "./told";

export const RANGES = ["12h", "24h", "3d", "7d", "30d", "90d", "180d", "1y"] as const;
export type Range = (typeof RANGES)[number];
export type Side = "both" | "long" | "short";
export type Model = "auto" | "prior" | "calibrated";
export type Theme = "dark" | "light";
export const PANES = [
  "open_interest",
  "funding",
  "cvd",
  "liquidations",
  "long_short_ratio",
  "basis",
  "forecast_chance",
  "forecast_size",
] as const;
export type PaneName = (typeof PANES)[number];
/** Leverage tiers by their place, as the server numbers them. */
export const TIERS = ["≤5×", "5–10×", "10–25×", "25–50×", ">50×"] as const;

export interface View {
  venue: string;
  symbol: string;
  /** Heat, profile and clusters of every venue that lists the coin, not of one. */
  joint: boolean;
  range: Range;
  side: Side;
  model: Model;
  palette: PaletteName;
  theme: Theme;
  /** Share of the log range of dollars below which cells are not drawn, 0 to 1. */
  threshold: number;
  linear: boolean;
  bands: boolean;
  bubbles: boolean;
  profile: boolean;
  zones: boolean;
  /** Places in `TIERS` that are counted; none means all. */
  tiers: readonly number[];
  panes: readonly PaneName[];
  /** How far ahead the forecast beneath the chart looks. [h] */
  horizon: Horizon;
  /** A past moment, UTC ms; null for now. */
  at: number | null;
  zone: string;
}

export const FIRST_VIEW: View = {
  venue: "",
  symbol: "",
  joint: false,
  range: "7d",
  side: "both",
  model: "auto",
  palette: "forcedflow",
  theme: "dark",
  threshold: 0.12,
  linear: false,
  bands: false,
  bubbles: true,
  profile: true,
  zones: true,
  tiers: [],
  panes: ["open_interest", "funding", "liquidations"],
  horizon: 24,
  at: null,
  zone: "UTC",
};

const FLAGS = ["joint", "linear", "bands", "bubbles", "profile", "zones"] as const;

/** The part of an address after `#`: only what differs from the first view. */
export function toLink(view: View): string {
  const pairs = new URLSearchParams();
  if (view.venue) pairs.set("venue", view.venue);
  if (view.symbol) pairs.set("symbol", view.symbol);
  for (const name of ["range", "side", "model", "palette", "theme", "zone"] as const) {
    if (view[name] !== FIRST_VIEW[name]) pairs.set(name, view[name]);
  }
  for (const name of FLAGS) {
    if (view[name] !== FIRST_VIEW[name]) pairs.set(name, view[name] ? "1" : "0");
  }
  if (view.threshold !== FIRST_VIEW.threshold) {
    pairs.set("threshold", String(Math.round(view.threshold * 1000) / 1000));
  }
  if (view.tiers.length > 0) pairs.set("tiers", view.tiers.join(","));
  if (view.panes.join() !== FIRST_VIEW.panes.join()) pairs.set("panes", view.panes.join(","));
  if (view.horizon !== FIRST_VIEW.horizon) pairs.set("horizon", String(view.horizon));
  if (view.at !== null) pairs.set("at", new Date(view.at).toISOString());
  return pairs.toString();
}

/** The view of a link; what it does not say or says wrongly is as at first. */
export function fromLink(link: string): View {
  const pairs = new URLSearchParams(link.replace(/^#/, ""));
  const view: View = { ...FIRST_VIEW };
  view.venue = pairs.get("venue") ?? view.venue;
  view.symbol = pairs.get("symbol") ?? view.symbol;
  view.range = oneOf(pairs.get("range"), RANGES, view.range);
  view.side = oneOf(pairs.get("side"), ["both", "long", "short"], view.side);
  view.model = oneOf(pairs.get("model"), ["auto", "prior", "calibrated"], view.model);
  view.palette = oneOf(pairs.get("palette"), PALETTES, view.palette);
  view.theme = oneOf(pairs.get("theme"), ["dark", "light"], view.theme);
  for (const name of FLAGS) {
    const said = pairs.get(name);
    if (said === "1" || said === "0") view[name] = said === "1";
  }
  const threshold = Number(pairs.get("threshold") ?? NaN);
  if (threshold >= 0 && threshold <= 1) view.threshold = threshold;
  view.tiers = TIERS.map((_, place) => place).filter((place) =>
    list(pairs.get("tiers")).includes(String(place)),
  );
  if (pairs.has("panes")) {
    const said = list(pairs.get("panes"));
    view.panes = PANES.filter((pane) => said.includes(pane));
  }
  view.horizon = HORIZONS.find((one) => String(one) === pairs.get("horizon")) ?? view.horizon;
  const at = Date.parse(pairs.get("at") ?? "");
  view.at = Number.isFinite(at) ? at : null;
  view.zone = knownZone(pairs.get("zone")) ?? view.zone;
  return view;
}

function oneOf<T extends string>(said: string | null, known: readonly T[], otherwise: T): T {
  return known.find((one) => one === said) ?? otherwise;
}

function list(said: string | null): string[] {
  return (said ?? "").split(",");
}

function knownZone(zone: string | null): string | null {
  if (!zone) return null;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}
