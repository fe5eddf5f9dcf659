// Colour tables: 256 entries, transparent where there is nothing, brighter where there is more.

export type PaletteName = "forcedflow" | "ember" | "viridis" | "mono";

type Stop = readonly [at: number, red: number, green: number, blue: number, alpha: number];

const STOPS: Record<PaletteName, readonly Stop[]> = {
  // Transparent purple through teal to yellow: what the eye of a trader already reads.
  forcedflow: [
    [0, 38, 18, 74, 0],
    [0.18, 62, 28, 110, 150],
    [0.4, 42, 82, 134, 215],
    [0.62, 26, 148, 134, 240],
    [0.82, 122, 206, 86, 250],
    [1, 253, 231, 37, 255],
  ],
  ember: [
    [0, 20, 4, 10, 0],
    [0.25, 84, 16, 48, 170],
    [0.55, 190, 52, 38, 230],
    [0.8, 246, 148, 40, 250],
    [1, 255, 244, 196, 255],
  ],
  viridis: [
    [0, 68, 1, 84, 0],
    [0.25, 59, 82, 139, 190],
    [0.5, 33, 145, 140, 230],
    [0.75, 94, 201, 98, 248],
    [1, 253, 231, 37, 255],
  ],
  mono: [
    [0, 120, 130, 150, 0],
    [0.5, 120, 130, 150, 140],
    [1, 235, 240, 250, 255],
  ],
};

export const PALETTES = Object.keys(STOPS) as PaletteName[];

/** 256 colours as RGBA bytes; entry 0 is fully transparent. */
export function colourTable(name: PaletteName): Uint8ClampedArray {
  const stops = STOPS[name];
  const table = new Uint8ClampedArray(256 * 4);
  for (let index = 1; index < 256; index += 1) {
    const place = index / 255;
    let upper = stops.findIndex((stop) => stop[0] >= place);
    if (upper <= 0) upper = 1;
    const [from, to] = [stops[upper - 1]!, stops[upper]!];
    const share = (place - from[0]) / (to[0] - from[0]);
    for (let channel = 0; channel < 4; channel += 1) {
      const [low, high] = [from[channel + 1]!, to[channel + 1]!];
      table[4 * index + channel] = Math.round(low + share * (high - low));
    }
  }
  return table;
}
