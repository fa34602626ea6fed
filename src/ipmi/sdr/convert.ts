import { type SensorFactors, signed } from '../commands/sensor/factors.ts';
import type { SensorUnits } from './record.ts';

/** The linearizations of §36.3, by code. */
const CURVES: readonly ((x: number) => number)[] = [
  (x) => x,
  Math.log,
  Math.log10,
  Math.log2,
  Math.exp,
  (x) => 10 ** x,
  (x) => 2 ** x,
  (x) => 1 / x,
  (x) => x ** 2,
  (x) => x ** 3,
  Math.sqrt,
  Math.cbrt,
];

/** From here on the factors themselves depend on the value (§36.2): Get Sensor Reading Factors gives them. */
export const NON_LINEAR = 0x70;

/**
 * A raw value as a reading: y = L((M·x + B·10^K1) · 10^K2) (§36.3).
 * @returns undefined for a sensor without numbers, or when the result is none (1/0, the logarithm of 0)
 */
export function reading(
  raw: number,
  format: SensorUnits['format'],
  factors: SensorFactors,
  linearization: number,
): number | undefined {
  const x = rawValue(raw, format);
  if (x === undefined) return undefined;
  const { m, b, bExp, rExp } = factors;
  const line = scaled(m * x + scaled(b, bExp), rExp);
  const y = (CURVES[linearization] ?? CURVES[0])?.(line) ?? line;
  return Number.isFinite(y) ? Number(y.toPrecision(6)) : undefined;
}

/** Divides for negative exponents: 3.3 stays 3.3 where 33 × 0.1 is 3.3000000000000003. */
function scaled(value: number, exponent: number): number {
  return exponent < 0 ? value / 10 ** -exponent : value * 10 ** exponent;
}

function rawValue(raw: number, format: SensorUnits['format']): number | undefined {
  switch (format) {
    case 'unsigned':
      return raw;
    case 'ones-complement':
      // FFh is minus zero.
      return raw >= 0x80 ? -(~raw & 0xff) || 0 : raw;
    case 'twos-complement':
      return signed(raw, 8);
    default:
      return undefined;
  }
}

/** The raw byte whose linear reading is nearest to `value`: for simulated sensors. */
export function rawOf(value: number, factors: SensorFactors): number {
  const { m, b, bExp, rExp } = factors;
  const x = m === 0 ? 0 : (scaled(value, -rExp) - scaled(b, bExp)) / m;
  return Math.min(255, Math.max(0, Math.round(x)));
}
