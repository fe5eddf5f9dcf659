import { describe, expect, it } from "vitest";

import { utcOf, wallTime } from "../../src/model/zone_time";

const at = (iso: string): number => Date.parse(iso);

describe("a wall clock", () => {
  it("shows a moment in its own zone", () => {
    expect(wallTime(at("2026-02-06T00:00Z"), "Asia/Tokyo")).toBe("2026-02-06T09:00");
    expect(wallTime(at("2026-07-01T12:00Z"), "America/New_York")).toBe("2026-07-01T08:00");
  });

  it("is read back to the moment it shows, in winter and in summer", () => {
    for (const zone of ["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]) {
      for (const iso of ["2026-01-15T07:35Z", "2026-07-15T18:05Z"]) {
        expect(utcOf(wallTime(at(iso), zone), zone)).toBe(at(iso));
      }
    }
  });

  it("means the first of two equal times where clocks go back", () => {
    expect(utcOf("2026-11-01T01:30", "America/New_York")).toBe(at("2026-11-01T05:30Z"));
  });

  it("means as long after the change where a time never comes", () => {
    // 02:30 does not exist on that day: half an hour after the change is 03:30 there.
    expect(utcOf("2026-03-08T02:30", "America/New_York")).toBe(at("2026-03-08T07:30Z"));
  });

  it("shows nothing where the words are no time", () => {
    expect(utcOf("soon", "UTC")).toBeNull();
  });
});
