// What the server answers, as far as the page reads it. Times: ISO 8601 UTC; *_ms: UTC milliseconds.

export interface Stated {
  symbol: string;
  venue: string;
  simulated: boolean;
  at: string;
  assumptions: Record<string, unknown>;
  freshness: { age_s?: number | null; [key: string]: unknown };
}

/** One venue's part in an answer that adds several up. */
export interface VenueShare {
  venue: string;
  symbol: string;
  open_interest_usd: number;
  share: number | null;
}

export interface MarketEntry {
  symbol: string;
  venue: string;
  base: string;
  perpetual: boolean;
  /** Whether open interest is held, without which there is no map. */
  map: boolean;
  simulated: boolean;
  from: string;
  to: string;
  age_s: number | null;
  /** Null where no instrument of the venue is held. */
  tick_size: number | null;
  tables?: Record<string, { from: string; to: string }>;
}

export interface Markets {
  at: string;
  simulated: boolean;
  markets: MarketEntry[];
}

export interface Zone {
  side: "long" | "short";
  low: number;
  high: number;
  peak: number;
  notional_usd: number;
  notional_usd_low: number;
  notional_usd_high: number;
  distance_pct: number;
  distance_sigma: number | null;
  age_h: number;
  share_of_oi: number;
  rank: number;
  major: boolean;
  prior_share: number;
}

export interface Zones extends Stated {
  known_to: string;
  mark_price: number;
  open_interest_usd: number;
  sigma_24h: number | null;
  zones: Zone[];
}

export interface LadderSide {
  usd: number[];
  low: number[];
  high: number[];
  cumulative_usd: number[];
  by_tier_usd: number[][];
  /** Share of each bin that rests on the stated prior alone. */
  prior_share: number[];
}

export interface Ladder extends Stated {
  model: string;
  model_words: string;
  mark_price: number;
  open_interest_usd: number;
  edges: number[];
  prices: number[];
  tiers: string[];
  sides: { long: LadderSide; short: LadderSide };
  range_words: string;
}

interface Timed {
  unit: string;
  time_ms: number[];
}

/** Chances [1] and dollars to be closed by force, each beside its baseline. */
export interface ToldSeries {
  time_ms: number[];
  down: ToldLine;
  up: ToldLine;
  longs: ToldLine & { most: (number | null)[] };
  shorts: ToldLine & { most: (number | null)[] };
}

export interface ToldLine {
  ours: (number | null)[];
  usual: (number | null)[];
}

export interface SeriesSet {
  candles?: Timed & { open: number[]; high: number[]; low: number[]; close: number[] };
  open_interest?: Timed & { open_interest: number[]; open_interest_usd: (number | null)[] };
  funding?: Timed & { funding_rate: number[]; interval_hours: (number | null)[] };
  liquidations?: Timed & {
    of: string;
    completeness: string;
    long_usd: (number | null)[];
    short_usd: (number | null)[];
  };
  cvd?: Timed & { delta: (number | null)[]; cvd: (number | null)[] };
  cvd_spot?: Timed & { delta: (number | null)[]; cvd: (number | null)[] };
  long_short_ratio?: Timed & { ratio: (number | null)[] };
  basis?: Timed & { basis: (number | null)[] };
  /** What was told ahead at every hour, of one horizon. */
  told?: ToldSeries;
}

export interface Series extends Stated {
  from: string;
  step_ms: number;
  series: SeriesSet;
  missing: Record<string, string>;
}
