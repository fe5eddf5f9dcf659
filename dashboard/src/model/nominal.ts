// Numbers that must not be taken for each other: a price is no bin and a bin is no place on the axis.
declare const brand: unique symbol;
type Nominal<T, Name extends string> = T & { readonly [brand]: Name };

/** Quote per base. */
export type Price = Nominal<number, "Price">;
/** Index of a price bin, 0 the lowest. */
export type Bin = Nominal<number, "Bin">;
/** Index of a column on the time axis, 0 the first; fractions lie between columns. */
export type Logical = Nominal<number, "Logical">;
/** UTC, milliseconds. */
export type TimeMs = Nominal<number, "TimeMs">;
/** US dollars. */
export type Usd = Nominal<number, "Usd">;

export const price = (value: number): Price => value as Price;
export const bin = (value: number): Bin => value as Bin;
export const logical = (value: number): Logical => value as Logical;
export const timeMs = (value: number): TimeMs => value as TimeMs;
export const usd = (value: number): Usd => value as Usd;
