import { z } from 'zod';
import type { AgentLogLine, ProgressMessage, RegisterRequest, ResultMessage } from './messages.ts';

/**
 * What the server accepts from agents. An agent is only a machine on the boot network that holds a token: every text and
 * list is bounded, unknown keys are dropped, numbers are finite. The agent itself never loads this file.
 */
const text = (max: number) => z.string().max(max).overwrite(printable);
/** What a machine says ends up on terminals: it must not move the cursor there, nor hide what else is shown. */
function printable(said: string): string {
  return said.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, ' ');
}
/** Names, serial numbers, addresses. */
const short = text(256);
/** Sentences for people. */
const long = text(4000);
const count = z.number().int().nonnegative();
const list = <T extends z.ZodType>(item: T, max: number) => z.array(item).max(max);
const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 'not a MAC address in lower case with colons');
/** Four figures of TB, in bytes, and everything that is counted per disk. */
const DISKS = 1024;
const NICS = 256;

const register = z.object({
  // A token that says whose it is holds namespace and name of the host.
  token: text(1024).min(1),
  bootMac: z.union([mac, z.literal('')]),
  agentVersion: short,
  smbios: z.object({ uuid: short, serial: short, manufacturer: short, product: short }).partial(),
  nics: list(z.object({ name: short, mac, ips: list(short, 64) }), NICS),
  firmware: z.enum(['uefi', 'bios']),
  clockMs: z.number(),
  uptimeSeconds: z.number().nonnegative(),
  bootId: short.min(16).optional(),
});

const progress = z.object({
  taskId: short,
  step: short,
  bytesDone: count.optional(),
  bytesTotal: count.optional(),
});

const diskNames = {
  model: short.optional(),
  vendor: short.optional(),
  wwn: short.optional(),
  wwnWithExtension: short.optional(),
  wwnVendorExtension: short.optional(),
  hctl: short.optional(),
};

const disk = z.object({
  name: short,
  byPath: short.optional(),
  byPathAlternates: list(short, 16).optional(),
  sizeBytes: count,
  logicalSectorBytes: count.positive(),
  rotational: z.boolean(),
  serial: short.optional(),
  ...diskNames,
});

const nic = z
  .object({
    name: short,
    model: short,
    mac,
    ip: short,
    speedGbps: count,
    pxe: z.boolean(),
    pciAddress: short,
    vlanId: count.max(4094),
    vlans: list(z.object({ id: count.max(4094), name: short }).partial(), 4094),
    lldp: z.object({ switchID: short, portID: short, switchSystemName: short }).partial(),
  })
  .partial();

const storage = z
  .object({
    name: short,
    alternateNames: list(short, 32),
    rotational: z.boolean(),
    type: z.enum(['HDD', 'SSD', 'NVME']),
    sizeBytes: count,
    serialNumber: short,
    ...diskNames,
  })
  .partial();

const hardware = z.object({
  systemVendor: z.object({ manufacturer: short, productName: short, serialNumber: short }).partial(),
  firmware: z.object({ bios: z.object({ vendor: short, version: short, date: short }).partial() }),
  ramMebibytes: count.optional(),
  nics: list(nic, 2 * NICS).optional(),
  storage: list(storage, DISKS).optional(),
  cpu: z
    .object({ arch: short, model: short, clockMegahertz: z.number().nonnegative(), flags: list(short, 1024), count })
    .partial(),
  hostname: short.optional(),
});

const cleaned = z.object({
  name: short,
  serial: short.optional(),
  action: z.enum(['metadata', 'skipped']),
  verified: z.boolean(),
  detail: long,
});

const outcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('inspect'), hardware, disks: list(disk, DISKS) }),
  z.object({ kind: z.literal('clean'), disks: list(cleaned, DISKS) }),
  z.object({
    kind: z.literal('write'),
    framesWritten: count,
    framesResumed: count,
    framesZeroed: count,
    bytesFetched: count,
    bytesWritten: count,
    seconds: z.number().nonnegative(),
    manifestDigest: short,
  }),
  z.object({
    kind: z.literal('finish'),
    backupGptMoved: z.boolean(),
    configDrive: z.enum(['created', 'reused', 'none']),
    boot: z.object({ mode: z.enum(['uefi', 'bios']), detail: long }),
  }),
  z.object({ kind: z.literal('power') }),
]);

const result = z.discriminatedUnion('ok', [
  z.object({ taskId: short, ok: z.literal(true), result: outcome }),
  z.object({
    taskId: short,
    ok: z.literal(false),
    error: z.object({ code: short, message: long, retry: z.boolean() }),
  }),
]);

const logLine = z.object({ atMs: z.number(), level: z.enum(['debug', 'info', 'warn', 'error']), message: text(8000) });

/** A message, or what is wrong with it in words that name the first bad field. */
export type Checked<T> = { ok: true; message: T } | { ok: false; problem: string };

function checker<T>(schema: z.ZodType): (value: unknown) => Checked<T> {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { ok: true, message: parsed.data as T };
    const [issue] = parsed.error.issues;
    const problem = issue === undefined ? 'not understood' : `${issue.path.join('.') || 'message'}: ${issue.message}`;
    return { ok: false, problem: problem.slice(0, 500) };
  };
}

/** One check a message; none of them throws. */
export const checkAgentMessage = {
  register: checker<RegisterRequest>(register),
  progress: checker<ProgressMessage>(progress),
  result: checker<ResultMessage>(result),
  logLine: checker<AgentLogLine>(logLine),
};
