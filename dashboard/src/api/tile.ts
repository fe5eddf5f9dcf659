// A heatmap as it comes over the wire: a length, a JSON header, then one byte per cell.
import { Heat, type HeatHeader } from "../model/heat";

/** Return the heatmap in an answer's bytes. Throws where they are cut short or no heatmap. */
export function decodeHeat(body: ArrayBuffer): Heat {
  if (body.byteLength < 4) throw new Error("the heatmap's answer was cut short");
  const length = new DataView(body).getUint32(0, true);
  if (body.byteLength < 4 + length) throw new Error("the heatmap's header was cut short");
  const header = JSON.parse(
    new TextDecoder().decode(new Uint8Array(body, 4, length)),
  ) as HeatHeader;
  return new Heat(header, new Uint8Array(body, 4 + length));
}
