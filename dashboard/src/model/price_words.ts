// A price as a person types it: 70k, 70,000.5, +3%, -2.5 %.
// In: words and the mark price. Out: a price, or null where they say none. Free of the DOM.
import { price, type Price } from "./nominal";

const FACTOR: Record<string, number> = { "": 1, k: 1e3, m: 1e6 };

export function priceOfWords(words: string, mark: Price): Price | null {
  const plain = words.trim().toLowerCase().replace(/[\s,_$]/g, "").replace("−", "-");
  const percent = /^([+-]?\d+(?:\.\d+)?)%$/.exec(plain);
  if (percent) return positive(mark * (1 + Number(percent[1]) / 100));
  const said = /^(\d*\.?\d+)([km]?)$/.exec(plain);
  if (!said) return null;
  return positive(Number(said[1]) * FACTOR[said[2] ?? ""]!);
}

function positive(value: number): Price | null {
  return Number.isFinite(value) && value > 0 ? price(value) : null;
}
