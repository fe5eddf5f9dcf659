// Scales whose travel spans what is visible.
import { usd, type Usd } from "./nominal";

/** Dollars at a share of the way from least to most, evenly in their logarithm. */
export function usdAtShare(share: number, [least, most]: readonly [Usd, Usd]): Usd {
  if (!(most > least) || !(least > 0)) return usd(least);
  const place = Math.min(1, Math.max(0, share));
  return usd(Math.exp(Math.log(least) + place * (Math.log(most) - Math.log(least))));
}

/** Where dollars stand on that way, 0 to 1. */
export function shareOfUsd(value: Usd, [least, most]: readonly [Usd, Usd]): number {
  if (!(most > least) || !(least > 0) || !(value > 0)) return 0;
  const share = Math.log(value / least) / Math.log(most / least);
  return Math.min(1, Math.max(0, share));
}

/** Radius of a circle whose area grows with dollars, so that twice as much looks twice as much. */
export function bubbleRadius(value: Usd, most: Usd, largest: number): number {
  return most > 0 ? largest * Math.sqrt(Math.min(1, Math.max(0, value / most))) : 0;
}

/** Share of the candles' span that is kept free above and below for what stands there. */
const ROOM = 0.45;
const LEAST_ROOM = 0.012;

/** Prices from somewhat below the least to somewhat above the most, evenly in their logarithm. */
export function withRoom(least: number, most: number): [number, number] {
  const room = Math.max(ROOM * Math.log(most / least), LEAST_ROOM);
  return [least * Math.exp(-room), most * Math.exp(room)];
}
