import { describe, expect, it, vi } from "vitest";

import { ApiError, Client } from "../../src/api/client";
import { follow, type StreamEvent } from "../../src/api/events";

function answering(...responses: Response[]) {
  return vi.fn(async (_address: string, _init?: RequestInit) => responses.shift()!);
}

describe("the client", () => {
  it("asks again with what it holds and takes 304 for the same answer", async () => {
    const ask = answering(
      new Response('{"mark_price": 5}', { headers: { ETag: '"a"' } }),
      new Response(null, { status: 304 }),
    );
    const client = new Client("secret", ask as unknown as typeof fetch);
    const first = await client.json("zones", { symbol: "BTC/USDT:USDT", at: null });
    expect(await client.json("zones", { symbol: "BTC/USDT:USDT", at: null })).toBe(first);
    const [address, init] = ask.mock.calls[1]!;
    expect(address).toBe("/api/v1/zones?symbol=BTC%2FUSDT%3AUSDT");
    expect(init?.headers).toEqual({ Authorization: "Bearer secret", "If-None-Match": '"a"' });
    expect(address).not.toContain("secret");
  });

  it("passes the server's words and remedy on", async () => {
    const body = '{"error":{"code":"no_data","message":"none held","hint":"forcedflow fetch"}}';
    const ask = answering(new Response(body, { status: 404, headers: { "Retry-After": "2" } }));
    const failed = new Client(null, ask as unknown as typeof fetch).json("zones");
    await expect(failed).rejects.toMatchObject({
      code: "no_data",
      hint: "forcedflow fetch",
      retryAfterS: 2,
    });
    await expect(failed).rejects.toBeInstanceOf(ApiError);
  });

  it("says so where an error cannot be read", async () => {
    const ask = answering(new Response("<html>", { status: 502 }));
    await expect(new Client(null, ask as unknown as typeof fetch).json("x")).rejects.toThrow("502");
  });
});

describe("the stream", () => {
  it("hands on every kind, and what was missed", () => {
    const source = new EventTarget() as EventTarget & { close: () => void };
    source.close = vi.fn();
    const heard: [string, StreamEvent][] = [];
    const missed: string[] = [];
    const stop = follow(
      new Client("t"),
      [{ venue: "sandbox", symbol: "SIM/USDT:USDT" }],
      {
        on: (kind, event) => heard.push([kind, event]),
        resync: (reason) => missed.push(reason),
        connection: () => undefined,
      },
      () => source as unknown as EventSource,
    );
    source.dispatchEvent(new MessageEvent("update", { data: '{"market":null,"payload":{"a":1}}' }));
    source.dispatchEvent(new MessageEvent("alert", { data: "not json" }));
    source.dispatchEvent(new MessageEvent("resync", { data: '{"reason":"overflow"}' }));
    expect(heard).toEqual([["update", { market: null, payload: { a: 1 } }]]);
    expect(missed).toEqual(["overflow"]);
    stop();
    expect(source.close).toHaveBeenCalled();
  });
});
