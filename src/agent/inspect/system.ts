import type { HardwareDetails } from '../../api/hardware.ts';
import { installedMebibytes, parseSmbios } from './smbios.ts';
import { type Tree, readNumber, readText } from './tree.ts';

const DMI = '/sys/class/dmi/id';
/** What vendors leave in fields they do not fill. */
const PLACEHOLDERS =
  /^(to be filled by o\.?e\.?m\.?|default string|not specified|none|unknown|n\/a|0+|system serial number)$/i;

async function dmi(tree: Tree, field: string): Promise<string | undefined> {
  const text = await readText(tree, `${DMI}/${field}`);
  return text === undefined || PLACEHOLDERS.test(text) ? undefined : text;
}

/** `{key: value}`, or nothing when there is no value: keys are omitted when empty. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

/** Manufacturer, product (with its SKU in brackets, as lshw says it) and serial number. */
export async function readSystemVendor(tree: Tree): Promise<HardwareDetails['systemVendor']> {
  const [manufacturer, product, sku, serialNumber] = await Promise.all(
    ['sys_vendor', 'product_name', 'product_sku', 'product_serial'].map((f) => dmi(tree, f)),
  );
  const productName = product !== undefined && sku !== undefined ? `${product} (${sku})` : product;
  return {
    ...optional('manufacturer', manufacturer),
    ...optional('productName', productName),
    ...optional('serialNumber', serialNumber),
  };
}

export async function readFirmware(tree: Tree): Promise<HardwareDetails['firmware']> {
  const [vendor, version, date] = await Promise.all(
    ['bios_vendor', 'bios_version', 'bios_date'].map((f) => dmi(tree, f)),
  );
  return { bios: { ...optional('vendor', vendor), ...optional('version', version), ...optional('date', date) } };
}

/** What the register message says of the machine. */
export async function readIdentity(
  tree: Tree,
): Promise<{ uuid?: string; serial?: string; manufacturer?: string; product?: string }> {
  const [uuid, serial, manufacturer, product] = await Promise.all(
    ['product_uuid', 'product_serial', 'sys_vendor', 'product_name'].map((f) => dmi(tree, f)),
  );
  return {
    ...optional('uuid', uuid?.toLowerCase()),
    ...optional('serial', serial),
    ...optional('manufacturer', manufacturer),
    ...optional('product', product),
  };
}

/** Installed memory by the firmware's list of modules; what the kernel manages when there is no such list. */
export async function readMemoryMebibytes(tree: Tree): Promise<number | undefined> {
  const table = await tree.bytes('/sys/firmware/dmi/tables/DMI');
  const installed = table === undefined ? undefined : installedMebibytes(parseSmbios(table));
  if (installed !== undefined) return installed;
  const kib = /^MemTotal:\s+(\d+) kB$/m.exec((await readText(tree, '/proc/meminfo')) ?? '')?.[1];
  return kib === undefined ? undefined : Math.floor(Number(kib) / 1024);
}

/** @param arch as `uname -m` says it */
export async function readCpu(tree: Tree, arch: string): Promise<HardwareDetails['cpu']> {
  const info = parseCpuinfo((await readText(tree, '/proc/cpuinfo')) ?? '');
  const maxKhz = await readNumber(tree, '/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq');
  const clock = maxKhz === undefined ? info.currentMhz : maxKhz / 1000;
  return {
    arch,
    ...optional('model', info.model),
    ...optional('clockMegahertz', clock === undefined ? undefined : Math.round(clock)),
    ...optional('flags', info.flags.length === 0 ? undefined : info.flags),
    ...optional('count', info.count === 0 ? undefined : info.count),
  };
}

/** Logical CPUs are counted; model, clock and flags are the first one's. */
export function parseCpuinfo(text: string): {
  count: number;
  model: string | undefined;
  currentMhz: number | undefined;
  flags: string[];
} {
  const value = (name: string) => new RegExp(`^${name}\\s*:[ \\t]*(.+)$`, 'm').exec(text)?.[1]?.trim();
  const mhz = value('cpu MHz');
  return {
    count: text.match(/^processor\s*:/gm)?.length ?? 0,
    model: value('model name'),
    currentMhz: mhz === undefined ? undefined : Number(mhz),
    flags: [...new Set((value('flags') ?? '').split(/\s+/).filter((f) => f !== ''))].sort(),
  };
}

export async function readFirmwareMode(tree: Tree): Promise<'uefi' | 'bios'> {
  return (await tree.real('/sys/firmware/efi')) === undefined ? 'bios' : 'uefi';
}
