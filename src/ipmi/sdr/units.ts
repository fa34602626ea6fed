import type { SensorUnits } from './record.ts';

/** Sensor unit codes (§43.17), 0 to 92. */
const UNITS: readonly string[] = (
  '|°C|°F|K|V|A|W|J|C|VA|nit|lm|lx|cd|kPa|psi|N|CFM|RPM|Hz|µs|ms|s|min|h|d|weeks|mil|in|ft|in³|ft³|mm|cm|m|cm³|m³|l|' +
  'fl oz|rad|sr|revolutions|cycles|g|oz|lbf|ft-lb|oz-in|gauss|gilberts|H|mH|F|µF|Ω|S|mol|Bq|ppm||dB|dBA|dBC|Gy|Sv|' +
  'color temp K|bits|kbits|Mbits|Gbits|bytes|kB|MB|GB|words|dwords|qwords|lines|hits|misses|retries|resets|overruns|' +
  'underruns|collisions|packets|messages|characters|errors|correctable errors|uncorrectable errors|fatal errors|grams'
).split('|');

const RATES = ['', '/µs', '/ms', '/s', '/min', '/h', '/d'] as const;

/** "°C", "RPM", "%", "bytes/s". Empty for a sensor without a unit. */
export function unitText(units: SensorUnits): string {
  const base = UNITS[units.base] ?? '';
  const modifier = UNITS[units.modifier] ?? '';
  const joined =
    units.relation === 'divide' ? `${base}/${modifier}` : units.relation === 'multiply' ? `${base}·${modifier}` : base;
  return `${units.percent ? '%' : ''}${units.percent && joined !== '' ? ' ' : ''}${joined}${RATES[units.rate] ?? ''}`;
}
