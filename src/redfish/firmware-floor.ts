/** Oldest firmware of BMCs that is known to do what we need (Metal3, supported_hardware.md). */
interface Floor {
  name: string;
  vendor: string;
  /** Its version, of FirmwareVersion. */
  version: RegExp;
  oldest: string;
}

const FLOORS: readonly Floor[] = [
  { name: 'iDRAC 8', vendor: 'Dell', version: /^(2\.[\d.]+)/, oldest: '2.75.75.75' },
  // 7 and later are iDRAC 9 too, and new enough; iDRAC 10 counts from 1.
  { name: 'iDRAC 9', vendor: 'Dell', version: /^([3-6]\.[\d.]+)/, oldest: '6.10.30.0' },
  { name: 'iLO 6', vendor: 'HPE', version: /^iLO 6 v?([\d.]+)/i, oldest: '1.57' },
];

/**
 * @param vendor as `personalityOf` names it
 * @returns what to tell the operator of a BMC; undefined: new enough, or nothing is known
 */
export function firmwareWarning(vendor: string | undefined, firmware: string | undefined): string | undefined {
  for (const floor of FLOORS) {
    const version = floor.vendor === vendor ? floor.version.exec(firmware ?? '')?.[1] : undefined;
    if (version === undefined || !isOlder(version, floor.oldest)) continue;
    return (
      `${floor.name} with firmware ${version} is older than ${floor.oldest}, the oldest that is known to work: ` +
      'virtual media, boot overrides or jobs may fail; update it'
    );
  }
  return undefined;
}

function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  for (const [i, wanted] of (b ?? []).entries()) {
    const found = a?.[i] ?? 0;
    if (found !== wanted) return found < wanted;
  }
  return false;
}
