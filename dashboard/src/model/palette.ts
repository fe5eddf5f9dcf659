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

// On white more must be darker: the same order of hues, turned over in lightness.
const ON_LIGHT: Record<PaletteName, readonly Stop[]> = {
  forcedflow: [
    [0, 226, 220, 244, 0],
    [0.2, 190, 176, 226, 150],
    [0.42, 118, 160, 208, 215],
    [0.66, 22, 148, 140, 240],
    [0.86, 10, 92, 92, 250],
    [1, 206, 112, 0, 255],
  ],
  ember: [
    [0, 255, 238, 214, 0],
    [0.25, 252, 204, 150, 180],
    [0.55, 232, 116, 56, 235],
    [0.8, 178, 34, 40, 250],
    [1, 78, 4, 34, 255],
  ],
  viridis: [
    [0, 236, 226, 120, 0],
    [0.25, 132, 200, 110, 180],
    [0.5, 40, 146, 140, 230],
    [0.75, 56, 88, 140, 248],
    [1, 60, 4, 78, 255],
  ],
  mono: [
    [0, 130, 140, 160, 0],
    [0.5, 130, 140, 160, 150],
    [1, 20, 26, 40, 255],
  ],
};

export const PALETTES = Object.keys(STOPS) as PaletteName[];

/** 256 colours as RGBA bytes; entry 0 is fully transparent. */
export function colourTable(name: PaletteName, theme: "dark" | "light"): Uint8ClampedArray {
  const stops = (theme === "light" ? ON_LIGHT : STOPS)[name];
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
