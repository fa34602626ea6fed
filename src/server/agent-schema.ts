import { z } from 'zod';
import type { AgentLogLine, ProgressMessage, RegisterRequest, ResultMessage } from '../agent-protocol/messages.ts';
import { serverErrors } from './errors.ts';

/** What agents may send, bounded: an agent is only a machine on the boot network that holds a token. */
const short = z.string().max(256);
const list = <T extends z.ZodType>(item: T, max: number) => z.array(item).max(max);

const register = z.object({
  token: short,
  bootMac: short,
  agentVersion: short,
  smbios: z.object({ uuid: short, serial: short, manufacturer: short, product: short }).partial(),
  nics: list(z.object({ name: short, mac: short, ips: list(short, 64) }), 256),
  firmware: z.enum(['uefi', 'bios']),
  clockMs: z.number(),
  uptimeSeconds: z.number().nonnegative(),
});

const progress = z.object({
  taskId: short,
  step: short,
  bytesDone: z.number().nonnegative().optional(),
  bytesTotal: z.number().nonnegative().optional(),
});

const disk = z.object({
  name: short,
  byPath: short.optional(),
  sizeBytes: z.number().int().nonnegative(),
  logicalSectorBytes: z.number().int().positive(),
  rotational: z.boolean(),
  model: short.optional(),
  vendor: short.optional(),
  serial: short.optional(),
  wwn: short.optional(),
  wwnWithExtension: short.optional(),
  wwnVendorExtension: short.optional(),
  hctl: short.optional(),
});

const count = z.number().nonnegative();
const outcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('inspect'), hardware: z.looseObject({}), disks: list(disk, 4096) }),
  z.object({
    kind: z.literal('clean'),
    disks: list(
      z.object({
        name: short,
        serial: short.optional(),
        action: z.enum(['metadata', 'skipped']),
        verified: z.boolean(),
        detail: z.string().max(2000),
      }),
      4096,
    ),
  }),
  z.object({
    kind: z.literal('write'),
    framesWritten: count,
    framesResumed: count,
    framesZeroed: count,
    bytesFetched: count,
    bytesWritten: count,
    seconds: count,
  }),
  z.object({
    kind: z.literal('finish'),
    backupGptMoved: z.boolean(),
    configDrive: z.enum(['created', 'reused', 'none']),
    boot: z.object({ mode: z.enum(['uefi', 'bios']), detail: z.string().max(2000) }),
  }),
  z.object({ kind: z.literal('power') }),
]);

const result = z.discriminatedUnion('ok', [
  z.object({ taskId: short, ok: z.literal(true), result: outcome }),
  z.object({
    taskId: short,
    ok: z.literal(false),
    error: z.object({ code: short, message: z.string().max(4000), retry: z.boolean() }),
  }),
]);

const logLine = z.object({
  atMs: z.number(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string().max(8000),
});

function reader<T>(schema: z.ZodType, what: string): (value: unknown) => T {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data as T;
    const [issue] = parsed.error.issues;
    const where = issue === undefined ? '' : ` at ${issue.path.join('.')}: ${issue.message}`;
    throw serverErrors.make('SERVER_REQUEST_INVALID', `not a ${what} message${where}`);
  };
}

/** Each throws SERVER_REQUEST_INVALID naming the first field that is wrong. */
export const agentMessages = {
  register: reader<RegisterRequest>(register, 'register'),
  progress: reader<ProgressMessage>(progress, 'progress'),
  result: reader<ResultMessage>(result, 'result'),
  logLine: reader<AgentLogLine>(logLine, 'log'),
};
