// The one event stream of a page: updates as bars close, alerts, prints, health.
import type { Client } from "./client";

export interface Market {
  venue: string;
  symbol: string;
}

export interface StreamEvent<Payload = unknown> {
  market: Market | null;
  payload: Payload;
}

export type Connection = "connecting" | "open" | "lost";

export interface Listener {
  on(kind: string, event: StreamEvent): void;
  /** Something was missed: what is shown must be read again. */
  resync(reason: string): void;
  connection(state: Connection): void;
}

const KINDS = ["update", "liquidation", "alert", "health"] as const;

/**
 * Follow the stream until the returned function is called.
 *
 * The browser reconnects and says where it was by itself; the server sends what is still in its
 * ring, or `resync` where that is not enough.
 */
export function follow(
  client: Client,
  markets: readonly Market[],
  listener: Listener,
  open: (address: string) => EventSource = (address) => new EventSource(address),
): () => void {
  const wanted = markets.map((market) => `${market.venue}:${market.symbol}`).join(",");
  const source = open(client.link("events", { markets: wanted }));
  listener.connection("connecting");
  source.addEventListener("open", () => {
    listener.connection("open");
  });
  source.addEventListener("error", () => {
    listener.connection("lost");
  });
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const message = parse((event as MessageEvent<string>).data);
      if (message) listener.on(kind, message);
    });
  }
  source.addEventListener("resync", (event) => {
    const message = parse((event as MessageEvent<string>).data) as { reason?: string } | null;
    listener.resync(message?.reason ?? "events were missed");
  });
  return () => {
    source.close();
  };
}

function parse(text: string): StreamEvent | null {
  try {
    return JSON.parse(text) as StreamEvent;
  } catch {
    return null;
  }
}
